"""The code of docs/tutorial.md runs, and says what the page says."""

import contextlib
import io
import os
import tempfile
import unittest

import support
import tutorial

PAGE = support.ROOT / "docs" / "tutorial.md"


class Tutorial(unittest.TestCase):
    def test_runs(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                left_out = tutorial.run(PAGE)
            files = set(os.listdir(folder))
            os.chdir(before)
        text = out.getvalue()
        self.assertIn("converged", text)
        self.assertIn("-42.4399", text)
        self.assertIn("0 GPa: a = 5.4309", text)
        written = {"relaxed.xyz", "relax.h5md", "silicon.vasp", "best.xyz", "minima.xyz"}
        self.assertTrue(written | {"search.run", "mine.h5"} <= files)
        if "With ASE" not in left_out:
            self.assertIn("a = 3.589", text)
        if "Pictures" not in left_out:
            self.assertTrue({"energies.png", "training.png", "best.png"} <= files)

    def test_every_block_is_found(self):
        found = list(tutorial.sections(PAGE.read_text()))
        blocks = sum(len(code) for _, _, code in found)
        self.assertEqual(blocks, PAGE.read_text().count("```python"))
        needs = {title: module for title, module, _ in found if module}
        self.assertEqual(needs, {"With ASE": "ase", "Pictures": "matplotlib"})


if __name__ == "__main__":
    unittest.main()
