"""Models: weights, cards, files."""

import copy
import gc
import pickle
import tempfile
import unittest
from pathlib import Path

import numpy as np
from hop import Model
from support import growth, hop


class Memory(unittest.TestCase):
    def test_parameters_are_shared(self):
        model = Model()
        self.assertEqual(model.parameters.dtype, np.float64)
        self.assertGreater(model.parameters.size, 100)
        model.parameters[5] = 1.25
        self.assertEqual(model.parameters[5], 1.25)
        self.assertTrue(np.shares_memory(model.parameters, model.parameters))
        model.parameters = np.arange(model.parameters.size)
        self.assertEqual(model.parameters[5], 5)
        with self.assertRaises(ValueError):
            model.parameters = [1.0]

    def test_view_outlives_the_model(self):
        model = Model()
        expected = model.parameters.copy()
        weights = model.parameters
        del model
        gc.collect()
        for _ in range(20):
            Model().parameters[...] = 7
        self.assertTrue((weights == expected).all())

    def test_note(self):
        model = Model()
        self.assertIsInstance(model.note, str)
        for note in ("", "Ag and Au\nseed 1", "ångström", "x" * 100000):
            model.note = note
            self.assertEqual(model.note, note)
        self.assertIn("parameters", repr(model))
        with self.assertRaises(ValueError):
            model.note = "a\0b"
        with self.assertRaises(TypeError):
            model.note = b"bytes"

    def test_shapes(self):
        """Searches begin again from them; files and pickles have them."""
        potential = hop.Potential.builtin("Au.gupta")
        shape = hop.search("Ag38", hop.Potential.builtin("Ag.gupta"), evaluations=3000).best
        found = []
        for model in (Model(), Model()):
            if found:
                model.add_shape(shape, 2.0)
            for one in (model, pickle.loads(pickle.dumps(model))):
                best = hop.search("Au38", potential, model=one, evaluations=3000).best
                found.append(best.positions.tobytes())
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[2], found[3])
        self.assertNotEqual(found[0], found[2])
        for structure, value, kind in (
            ("Ag38", 1.0, TypeError),
            (shape, "much", TypeError),
            (shape, 0.0, hop.RangeError),
            (hop.Structure("Ag2", [[0, 0, 0], [2, 0, 0]]), 1.0, hop.UnsupportedError),
            (hop.Structure("Ag3"), 1.0, hop.NonfiniteError),
        ):
            with self.assertRaises(kind):
                model.add_shape(structure, value)

    def test_pickle(self):
        model = hop.Model.pretrained()
        for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            self.assertEqual(again.parameters.tobytes(), model.parameters.tobytes())
            self.assertEqual(again.note, model.note)
            self.assertFalse(np.shares_memory(again.parameters, model.parameters))

    def test_create_and_free(self):
        self.assertLess(growth(lambda: Model().parameters, 1000, 10000), 1 << 20)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_round_trip(self):
        model = Model()
        rng = np.random.default_rng(1)
        model.parameters = rng.normal(size=model.parameters.size)
        model.note = "trained on ångström"
        path = self.folder / "model.h5"
        model.save(path)
        again = Model.load(path)
        self.assertEqual(again.parameters.tobytes(), model.parameters.tobytes())
        self.assertEqual(again.note, model.note)
        again.save(self.folder / "again.h5")
        self.assertEqual((self.folder / "again.h5").read_bytes(), path.read_bytes())

    def test_bad_files(self):
        path = self.folder / "model.h5"
        Model().save(path)
        data = path.read_bytes()
        bad = self.folder / "bad.h5"
        for content, kind in (
            (b"", hop.Error),
            (b"hello", hop.FormatError),
            (data[:-1], hop.CorruptError),
            (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], hop.CorruptError),
        ):
            bad.write_bytes(content)
            with self.assertRaisesRegex(kind, r"bad\.h5"):
                Model.load(bad)
        with self.assertRaises(OSError):
            Model.load(self.folder / "missing.h5")
        with self.assertRaises(OSError):
            Model().save(self.folder / "no" / "folder.h5")
        with self.assertRaises(hop.Error):
            weights = Model()
            weights.parameters[3] = np.nan
            weights.save(self.folder / "nan.h5")
            Model.load(self.folder / "nan.h5")


if __name__ == "__main__":
    unittest.main()
