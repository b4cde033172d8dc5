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


class Shapes(unittest.TestCase):
    """Shapes that are added by hand."""

    def setUp(self):
        self.potential = hop.Potential.builtin("Cu.gupta")
        steps = np.arange(-2, 3)
        grid = np.array([(i, j, k) for i in steps for j in steps for k in steps])
        places = grid[np.isin(np.abs(grid).sum(axis=1), (1, 3))]
        self.octahedron = hop.Structure(["Ag"] * 38, 1.9 * places)

    def search(self, model):
        start = hop.Structure.random("Cu38", self.potential, seed=5)
        optimizer = hop.Optimizer("learned", start, self.potential, model=model)
        optimizer.set(max_evaluations=500)
        optimizer.run()
        return start.energy

    def test_searches_begin_from_it(self):
        model = Model()
        weights = model.parameters.copy()
        before = self.search(model)
        model.add_shape(self.octahedron)
        self.assertTrue((model.parameters == weights).all())
        self.assertAlmostEqual(self.search(model), -108.967590553, 3)
        self.assertGreater(before, -108.9)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.h5"
            model.save(path)
            self.assertAlmostEqual(self.search(Model.load(path)), -108.967590553, 3)

    def test_the_structure_is_copied(self):
        model = Model()
        model.add_shape(self.octahedron, value=2.5)
        self.octahedron.positions[...] = 0
        self.assertAlmostEqual(self.search(model), -108.967590553, 3)

    def test_bad_shapes(self):
        model = Model()
        for value in (0, -1, np.nan, np.inf, 1e7):
            with self.assertRaisesRegex(hop.Error, "above 0"):
                model.add_shape(self.octahedron, value)
        with self.assertRaisesRegex(hop.Error, "3 to 80 atoms, got 2"):
            model.add_shape(hop.Structure("Cu2", [[0, 0, 0], [2, 0, 0]]))
        self.octahedron.positions[3] = self.octahedron.positions[4]
        with self.assertRaisesRegex(hop.Error, "a place of its own"):
            model.add_shape(self.octahedron)
        with self.assertRaisesRegex(TypeError, "structure: expected Structure, got str"):
            model.add_shape("Cu38")
        with self.assertRaisesRegex(TypeError, "value"):
            model.add_shape(self.octahedron, "1")


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
