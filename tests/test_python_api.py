"""The ten lines that the README shows, run as they stand there."""

import re
import textwrap

import torch
from test_pipeline import TINY

import ulmfit_lib
from ulmfit_lib import pipeline


def test_the_ten_lines_of_the_readme_go_from_a_table_to_an_ensemble(root, tmp_path, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    assert textwrap.indent(code, "    ").strip() in ulmfit_lib.__doc__
    assert len([line for line in code.splitlines() if line]) <= 10
    rows = [f"a {'good' if i % 2 else 'bad'} film number {i},{'pos' if i % 2 else 'neg'}" for i in range(40)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "Recipe", lambda: TINY)  # to be quick; nothing else is changed
    torch.set_num_threads(1)
    exec(code, {})
    shown = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[0-9.]+% of the test texts", shown[0])
    assert len(shown) == 3
    assert all(re.fullmatch(r"(neg|pos) \{'neg': [0-9.e-]+, 'pos': [0-9.e-]+\}", line) for line in shown[1:])
