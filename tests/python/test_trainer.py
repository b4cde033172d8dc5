"""Meta-training: options, steps, checkpoints."""

import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np
from hop import Status, Trainer
from support import growth, hop

SMALL = {"updates": 6, "batch": 4, "window": 6, "windows": 2, "seed": 3}


class Training(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.tasks = self.folder / "small.tasks"
        self.tasks.write_text(
            "# potential formula weight\nAg.gupta Ag7 1\nCu.gupta Cu8 2\n"
        )

    def trainer(self, **options):
        return Trainer(self.tasks, **{**SMALL, **options})

    def finish(self, trainer):
        for _ in trainer.iterate():
            pass
        return trainer.model.parameters.tobytes()

    def test_steps(self):
        trainer = self.trainer()
        first = trainer.model.parameters.copy()
        self.assertEqual(trainer.progress[:3], (0, 6, 0))
        seen = list(trainer.iterate())
        self.assertEqual([progress.update for progress in seen], [1, 2, 3, 4, 5, 6])
        self.assertTrue(all(np.isfinite(progress.loss) for progress in seen))
        self.assertTrue(all(progress.gradient > 0 for progress in seen))
        calls = [progress.evaluations for progress in seen]
        self.assertEqual(calls, sorted(calls))
        self.assertGreaterEqual(seen[-1].window, seen[0].window)
        self.assertEqual(trainer.step(), Status.END)
        self.assertEqual(trainer.progress, seen[-1])
        self.assertFalse((trainer.model.parameters == first).all())
        self.assertIn("update 6 of 6", repr(trainer))
        trainer.set(updates=7)
        self.assertEqual(trainer.step(), Status.OK)

    def test_model_is_a_copy(self):
        trainer = self.trainer()
        model = trainer.model
        before = model.parameters.copy()
        trainer.step()
        self.assertTrue((model.parameters == before).all())
        model.parameters[...] = 0
        self.assertFalse((trainer.model.parameters == 0).all())
        del trainer
        model.save(self.folder / "model.h5")

    def test_same_bits_for_any_threads(self):
        self.assertEqual(
            self.finish(self.trainer(threads=1)), self.finish(self.trainer(threads=3))
        )

    def test_checkpoint(self):
        trainer = self.trainer()
        for _ in range(3):
            trainer.step()
        path = self.folder / "training.checkpoint"
        trainer.save(path)
        again = Trainer.load(path, threads=2)
        self.assertEqual(again.progress, trainer.progress)
        self.assertEqual(again.options, trainer.options)
        self.assertEqual(self.finish(again), self.finish(trainer))

    def test_options(self):
        trainer = self.trainer(seed=5)
        self.assertEqual(
            list(trainer.options), [o.name for o in hop.options("tbptt")]
        )
        self.assertEqual(trainer.get("seed"), 5)
        for option in hop.options("tbptt"):
            for value in (option.minimum, option.maximum):
                made = Trainer(self.tasks, **{option.name: value})
                self.assertEqual(made.get(option.name), value)
            with self.assertRaisesRegex(hop.ArgumentError, option.name):
                Trainer(self.tasks, **{option.name: option.minimum - 1})
        with self.assertRaisesRegex(hop.ArgumentError, "nothing"):
            Trainer(self.tasks, nothing=1)
        trainer.step()
        with self.assertRaises(hop.StateError):
            trainer.set(batch=5)

    def test_bad_input(self):
        bad = self.folder / "bad.tasks"
        bad.write_text("Ag.gupta Ag7 1\nAg.gupta Ag7 heavy\n")
        with self.assertRaisesRegex(hop.FormatError, r"bad\.tasks:2"):
            Trainer(bad)
        with self.assertRaises(OSError):
            Trainer(self.folder / "missing.tasks")
        with self.assertRaisesRegex(TypeError, "model: expected Model, got str"):
            self.trainer(model="metals.h5")
        with self.assertRaises(hop.Error):
            Trainer.load(self.tasks)
        for threads, kind in ((0, ValueError), (1025, ValueError), (1.5, TypeError)):
            with self.assertRaises(kind):
                Trainer(self.tasks, threads=threads)
        with self.assertRaises(OSError):
            self.trainer().save(self.folder / "no" / "such")

    def test_cancel(self):
        trainer = self.trainer()
        trainer.cancel()
        self.assertEqual(trainer.step(), Status.STOPPED)
        self.assertEqual(list(trainer.iterate()), [])
        trainer.resume()
        self.assertEqual(trainer.step(), Status.OK)

    def test_cancel_from_another_thread(self):
        trainer = self.trainer(updates=10**9)
        timer = threading.Timer(0.2, trainer.cancel)
        timer.start()
        last = [progress.update for progress in trainer.iterate()][-1:]
        timer.join()
        self.assertEqual(last, [trainer.progress.update])

    def test_create_and_free(self):
        def action():
            trainer = Trainer(self.tasks)
            trainer.progress, trainer.model

        self.assertLess(growth(action, 500, 5000), 1 << 20)

    def test_steps_and_free(self):
        def action():
            trainer = self.trainer(threads=2, batch=2, window=2)
            trainer.step(), trainer.model

        self.assertLess(growth(action, 100, 500), 1 << 20)


if __name__ == "__main__":
    unittest.main()
