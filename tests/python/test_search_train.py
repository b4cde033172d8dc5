"""hop.search and hop.train: one call each."""

import os
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np
from support import growth, hop, morse


class Search(unittest.TestCase):
    def setUp(self):
        self.potential = hop.Potential.builtin("AgAu.gupta")

    def test_runs(self):
        found = hop.search("Ag7Au6", self.potential, evaluations=500, runs=3, seed=4)
        self.assertEqual(len(found.runs), 3)
        energies = [run.structure.energy for run in found.runs]
        self.assertEqual(found.best.energy, min(energies))
        for number, run in enumerate(found.runs):
            self.assertEqual(run.outcome, hop.Status.MAX_EVALUATIONS)
            self.assertLessEqual(run.progress.evaluations, 500)
            curve = np.array(run.curve)
            self.assertTrue((np.diff(curve[:, 0]) > 0).all())
            self.assertTrue((np.diff(curve[:, 1]) < 0).all())
            self.assertAlmostEqual(curve[-1, 1], run.structure.energy, 6)
            atoms = hop.Structure.random("Ag7Au6", self.potential, 4 + number)
            self.assertAlmostEqual(
                self.potential.evaluate(atoms), run.curve[0][1], 9, "its own start"
            )
        self.assertAlmostEqual(
            self.potential.evaluate(found.best.copy()), found.best.energy, 9
        )
        self.assertIn("3 runs", repr(found))
        self.assertLess(len(repr(found.runs[0])), 100)

    def test_start_stays(self):
        start = hop.Structure.random("Ag7Au6", self.potential, 1)
        before = start.positions.copy()
        hop.search(start, self.potential, evaluations=100, kind="basin-hopping")
        self.assertTrue((start.positions == before).all())

    def test_kinds_and_models(self):
        bests = {
            kind: hop.search(
                "Ag19Au19", self.potential, kind=kind, evaluations=800
            ).best.energy
            for kind in ("learned", "basin-hopping", "fire")
        }
        self.assertEqual(len(set(bests.values())), 3)
        plain = hop.search("Ag19Au19", self.potential, model=hop.Model(), evaluations=800)
        self.assertNotEqual(plain.best.energy, bests["learned"])
        with tempfile.TemporaryDirectory() as folder:
            hop.Model().save(folder + "/plain.h5")
            again = hop.search(
                "Ag19Au19", self.potential, model=folder + "/plain.h5", evaluations=800
            )
        self.assertEqual(again.best.energy, plain.best.energy)
        with self.assertRaisesRegex(hop.ArgumentError, "takes no model"):
            hop.search("Ag7", self.potential, kind="fire", model=hop.Model())

    def test_each_learned_kind_has_its_own_model(self):
        search = {"evaluations": 300, "kind": "learned-continuous"}
        chosen = hop.search("Ag7Au6", self.potential, **search).best
        for name, same in (("continuous", True), ("metals", False)):
            given = hop.search(
                "Ag7Au6", self.potential, model=hop.Model.pretrained(name), **search
            ).best
            self.assertEqual(given.energy == chosen.energy, same)

    def test_options(self):
        with self.assertRaisesRegex(hop.ArgumentError, "nonsense"):
            hop.search("Ag7", self.potential, nonsense=1)
        with self.assertRaisesRegex(TypeError, "formula"):
            hop.search(7, self.potential)
        with self.assertRaises(TypeError):
            hop.search("Ag7", "AgAu.gupta")
        for name, wrong, kind in (
            ("runs", 0, ValueError),
            ("evaluations", -1, ValueError),
            ("evaluations", 1e3, TypeError),
            ("seed", None, TypeError),
            ("seed", -1, ValueError),
        ):
            with self.assertRaisesRegex(kind, f"{name}: expected .*got {wrong}"):
                hop.search("Ag7", self.potential, **{name: wrong})
        found = hop.search("Ag7Au6", self.potential, evaluations=10000, target=-36.0)
        self.assertEqual(found.runs[0].outcome, hop.Status.TARGET)

    def test_some_limit(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        with self.assertRaisesRegex(hop.ArgumentError, "evaluations: .*no limit"):
            hop.search("Ag7", potential, evaluations=0)
        run = hop.search("Ag7", potential, evaluations=0, target=0.0).runs[0]
        self.assertEqual(run.outcome, hop.Status.TARGET)
        run = hop.search("Ag7", potential, evaluations=0, max_time=0.01).runs[0]
        self.assertEqual(run.outcome, hop.Status.MAX_TIME)

    def test_watching(self):
        found = hop.search(
            "Ag7Au6", self.potential, progress=lambda p: p.evaluations >= 20
        )
        self.assertEqual(found.runs[0].progress.evaluations, 20)
        self.assertEqual(found.runs[0].outcome, hop.Status.STOPPED)

        def interrupt(_progress):
            raise KeyboardInterrupt("now")

        with self.assertRaisesRegex(KeyboardInterrupt, "now"):
            hop.search("Ag7Au6", self.potential, progress=interrupt)

    def test_bar(self):
        made = mock.Mock()
        with mock.patch.dict(sys.modules, {"tqdm.auto": mock.Mock(tqdm=made)}):
            hop.search("Ag7", self.potential, evaluations=50, progress=True)
        shown = made.return_value
        self.assertEqual(made.call_args.kwargs["total"], 50)
        total = sum(call.args[0] for call in shown.update.call_args_list)
        self.assertTrue(0 < total <= 50)
        shown.close.assert_called_once()
        with mock.patch.dict(sys.modules, {"tqdm.auto": None}):
            hop.search("Ag7", self.potential, evaluations=50, progress=True)

    def test_nothing_finite(self):
        def refuse(_atoms):
            raise hop.CannotEvaluate

        with self.assertRaises(hop.NonfiniteError):
            hop.search("Ag4", hop.Potential.external(refuse), evaluations=20)

    def test_memory(self):
        potential = hop.Potential.external(morse)

        def action():
            hop.search("Ag4", potential, evaluations=10)

        self.assertLess(growth(action, 100, 300), 1 << 20)


class Train(unittest.TestCase):
    tasks = [("Ag.gupta", "Ag7", 1), ("Cu.gupta", "Cu7", "validation")]
    small = {"batch": 2, "windows": 1, "window": 4, "validate": 2, "validations": 2}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "training.checkpoint")

    def train(self, **options):
        return hop.train(self.tasks, **{**self.small, "updates": 6, **options})

    def test_history(self):
        model, history = self.train()
        self.assertEqual([p.update for p in history], [1, 2, 3, 4, 5, 6])
        self.assertIsInstance(model, hop.Model)
        self.assertIn("6 updates", repr(self.train()))

    def test_file_or_tuples(self):
        with open(self.path + ".tasks", "w") as file:
            file.write("Ag.gupta Ag7 1\nCu.gupta Cu7 validation\n")
        one, _ = hop.train(self.path + ".tasks", updates=6, **self.small)
        two, _ = self.train()
        self.assertTrue((one.parameters == two.parameters).all())
        for tasks in (["Ag.gupta Ag7 1"], [("Ag.gupta", "Ag7")]):
            with self.assertRaisesRegex(hop.ArgumentError, "tasks"):
                hop.train(tasks)

    def test_checkpoint(self):
        whole, _ = self.train()
        _, first = self.train(checkpoint=self.path, progress=lambda p: p.update == 3)
        self.assertEqual(len(first), 3)
        model, rest = self.train(checkpoint=self.path)
        self.assertEqual([p.update for p in rest], [4, 5, 6])
        self.assertTrue((model.parameters == whole.parameters).all())
        with self.assertRaisesRegex(hop.ArgumentError, "tbptt"):
            self.train(checkpoint=self.path, method="policy")

    def test_begin_with_a_model(self):
        model = hop.Model.pretrained()
        trained, _ = self.train(model=model)
        self.assertFalse((trained.parameters == model.parameters).all())

    def test_interrupted(self):
        def interrupt(_progress):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.train(progress=interrupt)
        with self.assertRaises(KeyboardInterrupt):
            self.train(progress=interrupt, checkpoint=self.path)
        model, rest = self.train(checkpoint=self.path)
        self.assertEqual([p.update for p in rest], [2, 3, 4, 5, 6])
        self.assertTrue((model.parameters == self.train().model.parameters).all())
        with self.assertRaises(KeyboardInterrupt):
            self.train(progress=interrupt, checkpoint=self.path + "/no/folder")


class Pretrained(unittest.TestCase):
    def test_metals(self):
        model = hop.Model.pretrained()
        self.assertGreater(model.parameters.size, 1000)
        known = "all, continuous, metals, silicon, got nowhere"
        with self.assertRaisesRegex(hop.ArgumentError, known):
            hop.Model.pretrained("nowhere")


if __name__ == "__main__":
    unittest.main()
