"""Structures: making, views, files."""

import copy
import gc
import pickle
import tempfile
import unittest
import weakref
from pathlib import Path

import numpy as np
from hop import Structure
from support import cluster, growth, hop


class Making(unittest.TestCase):
    def test_misspelt_attribute(self):
        atoms = hop.Structure("Ag2")
        with self.assertRaises(AttributeError):
            atoms.force = atoms.positions

    def test_symbols_numbers_formula(self):
        for atoms in (
            ["Ag", "Au", "Au"],
            ("Ag", "Au", "Au"),
            [47, 79, 79],
            np.array([47, 79, 79]),
            np.array([47, 79, 79], dtype=np.uint8),
            np.array(["Ag", "Au", "Au"]),
            (symbol for symbol in ("Ag", "Au", "Au")),
            "AgAu2",
        ):
            structure = Structure(atoms)
            self.assertEqual(structure.numbers.tolist(), [47, 79, 79])
            self.assertEqual(structure.symbols, ["Ag", "Au", "Au"])
            self.assertEqual(len(structure), 3)

    def test_initial(self):
        structure = Structure("X2")
        self.assertEqual(structure.numbers.tolist(), [0, 0])
        self.assertTrue((structure.positions == 0).all())
        self.assertTrue((structure.cell == 0).all())
        self.assertFalse(structure.pbc.any())
        self.assertFalse(structure.fixed.any())
        self.assertTrue(np.isnan(structure.energy))
        for name in ("forces", "virial", "energies"):
            self.assertTrue(np.isnan(getattr(structure, name)).all(), name)

    def test_arguments(self):
        structure = Structure(
            "Ag2",
            [[0, 0, 0], [1, 2, 3]],
            cell=[[4, 0, 0], [1, 5, 0], [0, 0, 6]],
            pbc=[True, False, True],
            fixed=[False, True],
        )
        self.assertEqual(structure.positions[1].tolist(), [1, 2, 3])
        self.assertEqual(structure.cell[1].tolist(), [1, 5, 0])
        self.assertEqual(structure.pbc.tolist(), [True, False, True])
        self.assertEqual(structure.fixed.tolist(), [False, True])

    def test_cell_forms(self):
        for cell in ([4, 5, 6], np.diag([4, 5, 6]), np.diag([4, 5, 6]).ravel()):
            structure = Structure("Ag", cell=cell)
            self.assertTrue((structure.cell == np.diag([4.0, 5, 6])).all())
            self.assertTrue(structure.pbc.all())
        self.assertFalse(Structure("Ag", cell=[4, 5, 6], pbc=False).pbc.any())

    def test_bad_input(self):
        for arguments, keywords, kind, text in (
            (([],), {}, ValueError, "atoms"),
            (("",), {}, ValueError, "formula"),
            (("ag",), {}, ValueError, "formula"),
            (("Ag-Au",), {}, ValueError, "formula"),
            (("Qq",), {}, ValueError, "Qq"),
            ((["Ag", "Qq"],), {}, ValueError, "Qq"),
            ((["Ag", 1.5],), {}, TypeError, ""),
            (([47, "Ag"],), {}, TypeError, ""),
            (([119],), {}, ValueError, "0 to 118"),
            (([-1],), {}, ValueError, "0 to 118"),
            (([2**40],), {}, ValueError, "0 to 118"),
            (([1.5],), {}, TypeError, "integers"),
            (([[47]],), {}, ValueError, "dimension"),
            ((5,), {}, TypeError, ""),
            (("Ag2", [[0, 0, 0]]), {}, ValueError, r"\(2, 3\)"),
            (("Ag", ["a", "b", "c"]), {}, TypeError, "real"),
            (("Ag", [[1j, 0, 0]]), {}, TypeError, "real"),
            (("Ag",), {"cell": [1, 2]}, ValueError, "cell"),
            (("Ag",), {"pbc": [1, 0]}, ValueError, "pbc"),
            (("Ag",), {"pbc": "TTF"}, ValueError, "pbc"),
            (("Ag",), {"fixed": [1, 0]}, ValueError, "fixed"),
            (("Ag",), {"fixed": ["yes"]}, ValueError, "fixed"),
        ):
            with self.subTest(arguments=arguments, keywords=keywords):
                with self.assertRaisesRegex(kind, text):
                    Structure(*arguments, **keywords)

    def test_a_number_is_not_atoms(self):
        for atoms in (2, None, 3.5):
            with self.assertRaisesRegex(TypeError, "atoms: expected symbols"):
                hop.Structure(atoms, [[0, 0, 0]])

    def test_random(self):
        a = Structure.random("Ag19Au19", seed=2**64 - 1)
        b = Structure.random("Ag19Au19", seed=2**64 - 1)
        c = Structure.random("Ag19Au19", seed=1)
        self.assertEqual(a.positions.tobytes(), b.positions.tobytes())
        self.assertFalse((a.positions == c.positions).all())
        self.assertEqual(sorted(a.symbols), ["Ag"] * 19 + ["Au"] * 19)
        distances = np.linalg.norm(a.positions[:, None] - a.positions, axis=-1)
        self.assertGreater(distances[~np.eye(38, dtype=bool)].min(), 1.0)

    def test_random_with_a_potential(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        structure = Structure.random("Ag19Au19", potential, seed=1)
        self.assertTrue(np.isfinite(potential.evaluate(structure)))
        with self.assertRaisesRegex(hop.ArgumentError, "Cu"):
            Structure.random("Cu38", potential, seed=1)

    def test_scatter(self):
        a = Structure("Si64", cell=[10.86, 10.86, 10.86])
        b = a.copy()
        a.scatter(seed=7)
        b.scatter(seed=7)
        np.testing.assert_array_equal(a.positions, b.positions)
        self.assertTrue(((a.positions >= 0) & (a.positions < 10.86)).all())
        apart = a.positions[:, None] - a.positions[None]
        apart -= 10.86 * np.round(apart / 10.86)
        apart = np.linalg.norm(apart, axis=2) + 10 * np.eye(64)
        self.assertGreater(apart.min(), 1.0)
        b.scatter(hop.Potential.builtin("Si.sw"), seed=8)
        self.assertTrue((a.positions != b.positions).all())
        b.fixed[3] = 1
        with self.assertRaisesRegex(hop.ArgumentError, "fixed"):
            b.scatter(seed=1)
        with self.assertRaises(hop.ArgumentError):
            a.scatter(seed=-1)

    def test_bad_random(self):
        for formula, seed, kind in (
            ("Ag0", 1, ValueError),
            ("19Ag", 1, ValueError),
            ("", 1, ValueError),
            ("Ag\0Au", 1, ValueError),
            (b"Ag", 1, TypeError),
            ("Ag", -1, ValueError),
            ("Ag", 2**64, ValueError),
            ("Ag", 1.5, TypeError),
        ):
            with self.subTest(formula=formula, seed=seed):
                with self.assertRaises(kind):
                    Structure.random(formula, seed=seed)
        with self.assertRaises(TypeError):
            Structure.random("Ag", "AgAu.gupta", 1)


class Views(unittest.TestCase):
    names = (
        "numbers",
        "positions",
        "cell",
        "pbc",
        "fixed",
        "forces",
        "virial",
        "energies",
    )

    def test_types_and_shapes(self):
        structure = cluster(5)
        for name, shape, kind in (
            ("numbers", (5,), np.int32),
            ("positions", (5, 3), np.float64),
            ("cell", (3, 3), np.float64),
            ("pbc", (3,), np.bool_),
            ("fixed", (5,), np.bool_),
            ("forces", (5, 3), np.float64),
            ("virial", (6,), np.float64),
            ("energies", (5,), np.float64),
        ):
            array = getattr(structure, name)
            self.assertEqual((array.shape, array.dtype), (shape, np.dtype(kind)), name)
            self.assertTrue(array.flags.writeable)
            self.assertFalse(array.flags.owndata)

    def test_memory_is_shared(self):
        structure = cluster(4)
        for name in self.names:
            array = getattr(structure, name)
            array[...] = 1
            again = getattr(structure.copy(), name)
            self.assertTrue((again == 1).all(), name)
            self.assertTrue(np.shares_memory(array, getattr(structure, name)))
            self.assertFalse(np.shares_memory(array, again))

    def test_c_sees_what_python_writes(self):
        potential = hop.Potential.builtin("Ag.gupta")
        structure = Structure("Ag2", [[0, 0, 0], [3, 0, 0]])
        near = potential.evaluate(structure)
        structure.positions[1, 0] = 4
        far = potential.evaluate(structure)
        self.assertLess(near, far)
        self.assertEqual(structure.energy, far)
        self.assertAlmostEqual(structure.energies.sum(), far, 12)
        numbers = structure.format()
        self.assertIn("\nAg 4 0 0 ", numbers)

    def test_flags_are_integers_in_c(self):
        structure = Structure("Ag3")
        structure.fixed = [True, False, True]
        structure.pbc = [False, True, False]
        from hop._arrays import INTEGER, view
        from hop._library import library

        address = structure._handle.address
        fixed = view(structure, library.hop_structure_fixed(address), (3,), INTEGER)
        periodic = view(
            structure, library.hop_structure_periodic(address), (3,), INTEGER
        )
        self.assertEqual(fixed.tolist(), [1, 0, 1])
        self.assertEqual(periodic.tolist(), [0, 1, 0])
        fixed[1] = 1
        self.assertTrue(structure.fixed.all())
        self.assertEqual(structure.positions[structure.fixed].shape, (3, 3))

    def test_views_outlive_the_structure(self):
        structure = cluster(1000)
        expected = structure.positions.copy()
        positions, fixed = structure.positions, structure.fixed
        watch = weakref.ref(structure)
        del structure
        self.assertIsNone(watch(), "no cycle keeps the structure")
        for _ in range(50):
            cluster(1000)
        self.assertTrue((positions == expected).all())
        self.assertFalse(fixed.any())
        part = positions[3:5]
        del positions, fixed
        gc.collect()
        self.assertTrue((part == expected[3:5]).all())

    def test_setters_copy(self):
        structure = Structure("Ag2")
        mine = np.ones((2, 3))
        structure.positions = mine
        mine[0] = 7
        self.assertTrue((structure.positions == 1).all())
        structure.positions += 1
        self.assertTrue((structure.positions == 2).all())
        for name, value in (
            ("positions", np.ones((3, 3))),
            ("forces", np.ones(6)),
            ("energies", 1.0),
            ("virial", np.ones((3, 2))),
            ("virial", [[1, 2, 3], [0, 1, 2], [0, 0, 1]]),
        ):
            with self.subTest(name), self.assertRaises(hop.ArgumentError):
                setattr(structure, name, value)
        with self.assertRaises(TypeError):
            structure.energy = "low"
        with self.assertRaises(AttributeError):
            structure.numbers = [1, 2]

    def test_virial_as_a_matrix(self):
        structure = Structure("Ag")
        structure.virial = [[1, 6, 5], [6, 2, 4], [5, 4, 3]]
        self.assertEqual(structure.virial.tolist(), [1, 2, 3, 4, 5, 6])

    def test_stress(self):
        structure = Structure("Ag", cell=[2, 3, 4])
        with self.assertRaisesRegex(hop.StateError, "evaluate"):
            structure.stress
        structure.virial = np.arange(6)
        np.testing.assert_allclose(structure.stress, -np.arange(6) / 24, rtol=1e-15)
        structure.pbc = [True, True, False]
        with self.assertRaisesRegex(hop.StateError, "three directions"):
            structure.stress


class Wrapping(unittest.TestCase):
    def test_nothing_is_copied(self):
        numbers = np.array([47, 47], dtype=np.int32)
        positions = np.array([[0, 0, 0], [3.0, 0, 0]])
        energy, forces = np.empty(1), np.empty((2, 3))
        structure = Structure.wrap(numbers, positions, energy=energy, forces=forces)
        self.assertTrue(np.shares_memory(structure.positions, positions))
        self.assertTrue(np.shares_memory(structure.forces, forces))
        result = hop.Potential.builtin("Ag.gupta").evaluate(structure)
        self.assertEqual(energy[0], result)
        self.assertEqual(forces[0, 0], -forces[1, 0])
        self.assertGreater(abs(forces[0, 0]), 0)

    def test_arrays_are_kept(self):
        structure = Structure.wrap(
            np.full(1000, 47, dtype=np.int32), np.full((1000, 3), 5.0)
        )
        view = structure.positions
        del structure
        gc.collect()
        np.zeros((1000, 3)), np.zeros((1000, 3))
        self.assertTrue((view == 5.0).all())

    def test_bad_arrays(self):
        numbers = np.array([47, 47], dtype=np.int32)
        positions = np.zeros((2, 3))
        frozen = np.zeros((2, 3))
        frozen.flags.writeable = False
        for arguments, keywords, kind in (
            ((numbers.astype(np.int64), positions), {}, ValueError),
            ((numbers, positions.astype(np.float32)), {}, ValueError),
            ((numbers, np.zeros((3, 3))), {}, ValueError),
            ((numbers, np.zeros((2, 6))[:, ::2]), {}, ValueError),
            ((numbers, frozen), {}, ValueError),
            ((numbers, [[0, 0, 0], [1, 1, 1]]), {}, TypeError),
            ((numbers, positions), {"pbc": np.zeros(3, dtype=bool)}, ValueError),
            ((numbers, positions), {"virial": np.zeros(9)}, ValueError),
            ((numbers[:0], positions[:0]), {}, ValueError),
            ((numbers * 100, positions), {}, ValueError),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(kind):
                Structure.wrap(*arguments, **keywords)


class Copies(unittest.TestCase):
    def full(self):
        structure = cluster(6)
        structure.cell, structure.pbc = [8, 9, 10], [True, False, True]
        structure.fixed[2] = True
        structure.energy = -3.5
        structure.forces = structure.positions
        structure.virial = range(6)
        return structure

    def assert_same(self, a, b):
        self.assertIsNot(a, b)
        self.assertEqual(a.energy, b.energy)
        for name in Views.names:
            self.assertEqual(
                getattr(a, name).tobytes(), getattr(b, name).tobytes(), name
            )
            self.assertFalse(np.shares_memory(getattr(a, name), getattr(b, name)))

    def test_copies(self):
        structure = self.full()
        for other in (
            structure.copy(),
            copy.copy(structure),
            copy.deepcopy(structure),
            pickle.loads(pickle.dumps(structure)),
        ):
            self.assert_same(structure, other)

    def test_other_objects_do_not_pickle(self):
        for other in (hop.Optimizer("lbfgs", cluster()), hop.Archive()):
            with self.assertRaisesRegex(TypeError, "cannot be pickled"):
                pickle.dumps(other)
            with self.assertRaisesRegex(TypeError, "cannot be pickled"):
                copy.deepcopy(other)

    def test_repr(self):
        self.assertEqual(repr(Structure("Ag2Au")), "<hop.Structure Ag2Au>")
        text = repr(self.full())
        self.assertIn("energy=-3.5", text)
        self.assertIn("TFT", text)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_round_trip(self):
        structure = Copies.full(None)
        for path in (
            self.folder / "a.xyz",
            str(self.folder / "b.xyz"),
            str(self.folder / "ü ñ.xyz").encode(),
        ):
            structure.write(path)
            again = Structure.read(path)
            self.assertEqual(again.energy, structure.energy)
            for name in ("numbers", "positions", "cell", "pbc", "forces"):
                self.assertEqual(
                    getattr(again, name).tobytes(), getattr(structure, name).tobytes()
                )

    def test_frames(self):
        path = self.folder / "a.xyz"
        hop.write(path, (cluster(n) for n in (2, 3, 4)))
        self.assertEqual([len(Structure.read(path, k)) for k in (0, 1, 2)], [2, 3, 4])
        self.assertEqual(len(Structure.read(path, -1)), 4)
        for frame in (3, 100, 2**63):
            with self.assertRaises(IndexError) as caught:
                Structure.read(path, frame)
            self.assertIsInstance(caught.exception, hop.EndError)
            self.assertEqual(caught.exception.status, hop.Status.END)
            self.assertIn(str(frame), str(caught.exception))
        with self.assertRaises(TypeError):
            Structure.read(path, 1.0)

    def test_format(self):
        structure = cluster(3)
        path = self.folder / "a.xyz"
        structure.write(path)
        self.assertEqual(structure.format(), path.read_text())

    def test_bad_files(self):
        with self.assertRaises(OSError) as caught:
            Structure.read(self.folder / "missing.xyz")
        self.assertIn("missing.xyz", str(caught.exception))
        bad = self.folder / "bad.xyz"
        bad.write_text("2\n\nAg 0 0 0\nAg 0 zero 0\n")
        with self.assertRaisesRegex(hop.FormatError, r"bad\.xyz:4"):
            Structure.read(bad)
        with self.assertRaises(hop.FileError):
            cluster().write(self.folder / "no" / "such" / "folder.xyz")
        with self.assertRaises(ValueError):
            Structure.read("a\0b")
        with self.assertRaises(TypeError):
            Structure.read(5)
        with self.assertRaises(ValueError):
            hop.write(self.folder / "none.xyz", [])
        with self.assertRaises(TypeError):
            hop.write(self.folder / "none.xyz", [cluster(), "Ag"])
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["bad.xyz"])


class Memory(unittest.TestCase):
    def test_create_and_free(self):
        gc.disable()
        self.addCleanup(gc.enable)

        def action():
            structure = Structure([47] * 10)
            structure.positions, structure.fixed, structure.copy()

        self.assertLess(growth(action, 2000, 10000), 1 << 20)

    def test_failing_calls(self):
        def action():
            try:
                Structure.read("/nowhere")
            except OSError:
                pass

        self.assertLess(growth(action, 2000, 10000), 1 << 20)


if __name__ == "__main__":
    unittest.main()
