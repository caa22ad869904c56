"""The command: one line and an exit code for whatever a user can mend, and nothing left behind."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys

import pytest

from ulmfit_lib import __version__, cli

_ROW = "this {} film is number {},{},{}\n"
TABLE = "text,label,split\n" + "".join(
    _ROW.format("good" if i % 2 else "bad", i, "pos" if i % 2 else "neg", "test" if i > 19 else "train")
    for i in range(26)
)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def call(capsys, *arguments):
    """Return the exit code, the lines of stdout and those of stderr."""
    code = cli._main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


# --------------------------------------------------------------------------------------------------- bad input


BAD = {
    "columns.csv": ("review,label\na,b\n", "the column 'text' is missing"),
    "empty.csv": ("", "the file is empty"),
    "one_label.csv": ("text,label\na,pos\nb,pos\n", "all texts have the one label 'pos'"),
    "latin1.csv": (b"text,label\ncaf\xe9,pos\n", "is not UTF-8"),
    "spaces.csv": (TABLE + "x,neg ,train\n", "only the spaces around them keep the labels 'neg' (row 2)"),
    "missing.csv": (TABLE + ",pos,train\n", "row 28, column 'text': the text is missing"),
    "cut.csv.gz": (gzip.compress(TABLE.encode())[:-9], "cut short or damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2_and_leaves_nothing(write, tmp_path, capsys, name):
    content, words = BAD[name]
    path = write(name, content)
    code, out, err = call(capsys, "run", "--texts", path, "--out", tmp_path / "runs" / "a")
    assert code == 2
    assert out == []
    assert len(err) == 1, err
    assert err[0].startswith(f"ulmfit: {path}")
    assert words in err[0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_one_line(tmp_path, capsys):
    code, out, err = call(capsys, "run", "--texts", tmp_path / "none.csv")
    assert (code, out) == (2, [])
    assert err == [f"ulmfit: {tmp_path / 'none.csv'}: there is no such file or folder. Check the name."]


def test_options_that_make_no_sense_are_exit_code_2(write, tmp_path, capsys):
    path = write("films.csv", TABLE)
    for option, value, words in (
        ("--direction", "sideways", "not 'sideways'"),
        ("--device", "warp", "no device 'warp'"),
        ("--out", path, "there is a file of this name"),
    ):
        code, _, err = call(capsys, "run", "--texts", path, option, value)
        assert code == 2
        assert words in err[-1]
        assert err[-1].startswith("ulmfit: ")
    assert call(capsys, "run", "--seed", "many")[0] == 2
    for words in (["run"], ["generate", "--language-model", path], ["tokenize", "a"]):
        code, _, err = call(capsys, *words, "--seed", 2**63)
        assert code == 2
        assert "Invalid value for '--seed'" in " ".join(err)
    assert call(capsys, "walk")[0] == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_is_one_line(monkeypatch, capsys):
    from ulmfit_lib import commands

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", "runs/a")

    monkeypatch.setattr(commands, "app", full)
    code, _, err = call(capsys, "run")
    assert (code, err) == (2, ["ulmfit: runs/a: it cannot be written (No space left on device)."])


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG])
def test_a_place_that_may_be_one_to_read_is_one_line(monkeypatch, capsys, number):
    from ulmfit_lib import commands

    def refused(*_arguments, **_options):
        raise OSError(number, os.strerror(number), "films.csv")

    monkeypatch.setattr(commands, "app", refused)
    code, _, err = call(capsys, "run")
    assert (code, err) == (2, [f"ulmfit: films.csv: it cannot be read or written ({os.strerror(number)})."])


def test_a_name_that_is_too_long_is_one_line(tmp_path, capsys):
    (tmp_path / "films.csv").write_text("text\ngood film\n")
    out = tmp_path / f"{'x' * 250}.jsonl"
    code, _, err = call(capsys, "tokenize", "--texts", tmp_path / "films.csv", "--out", out)
    assert code == 2
    assert "File name too long" in err[-1]


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    from ulmfit_lib import commands

    def broken(*_arguments, **_options):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(commands, "app", broken)
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli._main(["run"])


# ------------------------------------------------------------------------------------------ help, version, doctor


@pytest.mark.parametrize("command", [[], ["run"], ["doctor"]])
def test_help_has_one_example(capsys, command):
    code, out, _ = call(capsys, *command, "--help")
    assert code == 0
    assert sum(" ".join(["ulmfit", *command]) in line and "Example:" in line for line in out) == 1


def test_every_command_has_one_example():
    from ulmfit_lib.commands import app

    assert [info.callback.__name__ for info in app.registered_commands] == [
        "doctor",
        "run",
        "tokenize",
        "pack",
        "pretrain",
        "finetune",
        "classify",
        "ensemble",
        "predict",
        "generate",
        "show",
        "student",
        "submit",
        "progress",
    ]
    for info in app.registered_commands:
        assert info.epilog.startswith(f"Example: ulmfit {info.callback.__name__}")
        assert info.callback.__doc__


def test_the_version(capsys):
    assert call(capsys, "--version") == (0, [f"ulmfit {__version__}"], [])


def test_the_doctor_is_a_command(capsys):
    code, out, _ = call(capsys, "doctor")
    assert code == 0
    assert any(line.startswith("fastai") and line.endswith("OK") for line in out)


def test_help_loads_nothing_heavy(root):
    code = (
        "import sys; from ulmfit_lib import cli; cli._main(['--help']);"
        "print([name for name in ('torch', 'fastai', 'spacy', 'numpy', 'pandas', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_without_packages_the_doctor_still_runs_and_the_rest_says_so(root):
    # -I and -S leave out the installed packages, as on a machine where none is.
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from ulmfit_lib import cli; sys.exit(cli._main(sys.argv[1:]))"
    )
    run, doctor = (
        subprocess.run([sys.executable, "-I", "-S", "-c", code, command], capture_output=True, text=True)
        for command in ("run", "doctor")
    )
    assert run.returncode == 2
    assert run.stderr == "ulmfit: the package 'typer' is missing. `ulmfit doctor` says what to install.\n"
    assert doctor.returncode == 1
    assert "Missing or not fit: " in doctor.stdout


# ------------------------------------------------------------------------------------------------- a real run


@pytest.fixture
def same_threads():
    """Undo what --threads did to this process."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("same_threads")
def test_a_run_says_what_it_did_and_where_it_lies(write, tmp_path, capsys, monkeypatch):
    path = write("films.csv", TABLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # so that the command's own setting is undone too
    options = ["--direction", "forward", "--lm-epochs", 1, "--epochs", 1, "--threads", 1, "--minutes", 99]
    code, out, err = call(capsys, "run", "--texts", path, *options)
    assert code == 0, err
    assert any(line.endswith("all of them fit into 99 min a direction.") for line in out)
    shown = "\n".join(out)
    for words in ("films.csv: 6 texts of 'test' scored", "language model", "classifier", "TF-IDF floor", "95 %"):
        assert words in shown
    for name in ("classifier-forward/", "classifier-forward.png", "language_model-forward/", "predictions.csv"):
        assert f"runs/films/{name}" in out
    assert sum("language model, forward: epoch" in line for line in err) == 2  # one frozen, one of all
    assert sum("classifier, forward: epoch" in line for line in err) == 2  # the head, then all
    receipt = json.loads((tmp_path / "runs" / "films" / "run.json").read_text())
    command = "ulmfit run --texts films.csv --seed 0 --direction forward --lm-epochs 1 --epochs 1 --minutes 99.0"
    assert receipt["command"] == command


def test_ctrl_c_is_one_line_and_exit_code_130_and_leaves_what_can_be_gone_on_with(write, tmp_path, root, capsys):
    path = write("films.csv", TABLE)
    child = subprocess.Popen(
        [sys.executable, "-u", "-X", "faulthandler", "-m", "ulmfit_lib.cli"]
        + ["run", "--texts", path, "--lm-epochs", "100000"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    for line in child.stderr:
        if "epoch" in line:
            break
    os.killpg(child.pid, signal.SIGINT)  # a terminal sends it to every process of the command
    try:
        _, err = child.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGABRT)  # then each process says where it is
        pytest.fail(f"It does not end:\n{child.communicate()[1]}")
    assert child.returncode == 130, err
    said = [line for line in err.splitlines() if "epoch" not in line]
    folder = "runs/films.unfinished"
    assert said == [f"ulmfit: interrupted; what is done lies in {folder}; the same command with --resume goes on."]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["films.unfinished"]
    code, out, _ = call(capsys, "show", tmp_path / folder)
    assert code == 0
    begun = [line for line in out if line.startswith("begun")]
    assert 1 <= len(begun) <= 2  # both directions ran at once, and either had come to its first checkpoint or not
    assert all("language-model-" in line and ": checkpoint of step " in line for line in begun)
    code, _, err = call(capsys, "run", "--texts", path, "--out", tmp_path / "runs" / "films", "--lm-epochs", "100000")
    assert code == 2
    assert err[-1].endswith(
        "an interrupted run lies here. Go on with it by --resume, or delete it and begin anew by --restart."
    )


def test_being_terminated_clears_away_as_ctrl_c_does_and_says_so(monkeypatch, capsys):
    from ulmfit_lib import commands

    def be_terminated(*_arguments, **_options):
        cli._terminate(signal.SIGTERM, None)  # what leaves a block clears away, see test_files

    monkeypatch.setattr(commands, "app", be_terminated)
    code, _, err = call(capsys, "run")
    assert code == 143
    assert err == ["ulmfit: another program ended this one (SIGTERM); nothing was left behind."]
