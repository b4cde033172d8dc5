"""Potentials: reference energies, external callables, what they may do wrong."""

import copy
import functools
import gc
import math
import multiprocessing
import pickle
import signal
import sys
import tempfile
import threading
import unittest
import weakref
from pathlib import Path

import numpy as np
from hop import Potential, Structure
from support import cluster, growth, hop, morse


class BuiltIn(unittest.TestCase):
    def test_every_one_loads(self):
        kinds = {}
        for name in hop.potentials():
            potential = Potential.builtin(name)
            kinds.setdefault(potential.kind, name)
            self.assertTrue(potential.cutoff > 0, name)
            self.assertIn(potential.kind, repr(potential))
        self.assertLessEqual({"gupta", "lennard-jones", "stillinger-weber"}, set(kinds))

    def test_lennard_jones_in_closed_form(self):
        potential = Potential.builtin("LJ.lj")
        r = 1.2
        structure = Structure("X2", [[0, 0, 0], [r, 0, 0]])
        energy = 4 * (r**-12 - r**-6)
        self.assertAlmostEqual(potential.evaluate(structure), energy, delta=1e-14)
        force = 4 * (12 * r**-13 - 6 * r**-7)
        np.testing.assert_allclose(
            structure.forces, [[-force, 0, 0], [force, 0, 0]], atol=1e-13
        )
        np.testing.assert_allclose(
            structure.virial, [force * r, 0, 0, 0, 0, 0], atol=1e-13
        )
        curvature = 4 * (12 * 13 * r**-14 - 6 * 7 * r**-8)
        v = np.array([[1.0, 0, 0], [0, 0, 0]])
        np.testing.assert_allclose(
            potential.hessian_vector(structure, v)[:, 0], [curvature, -curvature]
        )
        self.assertTrue(math.isinf(potential.cutoff))
        self.assertAlmostEqual(potential.scales("X").length, 2 ** (1 / 6))
        self.assertEqual(potential.scales(0), potential.scales("X"))

    def test_forces_and_hessian_against_differences(self):
        rng = np.random.default_rng(5)
        for name, formula in (("AgAu.gupta", "Ag5Au6"), ("Si.sw", "Si9")):
            potential = Potential.builtin(name)
            structure = Structure.random(formula, potential, seed=3)
            v = rng.normal(size=(len(structure), 3))
            potential.evaluate(structure)
            slope = -(structure.forces * v).sum()
            product = potential.hessian_vector(structure, v)
            x, h = structure.positions.copy(), 1e-4
            energies, forces = [], []
            for t in (-2, -1, 1, 2):
                structure.positions = x + t * h * v
                energies.append(potential.evaluate(structure))
                forces.append(structure.forces.copy())
            weights = np.array([1, -8, 8, -1]) / (12 * h)
            np.testing.assert_allclose(weights @ energies, slope, rtol=1e-7)
            numeric = -np.tensordot(weights, forces, 1)
            np.testing.assert_allclose(product, numeric, atol=1e-6 * abs(product).max())

    def test_bad_input(self):
        potential = Potential.builtin("AgAu.gupta")
        for action, kind, text in (
            (lambda: Potential.builtin("No.gupta"), ValueError, "No.gupta"),
            (lambda: Potential.builtin("Ag\0"), ValueError, "NUL"),
            (lambda: Potential.builtin(3), TypeError, "str"),
            (lambda: Potential(), TypeError, "builtin"),
            (lambda: Potential.load("/nowhere/x.gupta"), OSError, "x.gupta"),
            (
                lambda: Potential.load(__file__),
                NotImplementedError,
                "test_potential.py",
            ),
            (lambda: potential.evaluate(Structure("Cu2")), ValueError, "Cu"),
            (lambda: potential.evaluate("Ag"), TypeError, "Structure"),
            (lambda: potential.evaluate(Structure("Ag2")), ArithmeticError, ""),
            (lambda: potential.scales("Cu"), ValueError, "Cu"),
            (lambda: potential.scales("Qq"), ValueError, "Qq"),
            (lambda: potential.scales(119), ValueError, "118"),
            (lambda: potential.scales(2**32 + 47), ValueError, "118"),
            (lambda: potential.scales(47.0), TypeError, ""),
            (
                lambda: potential.hessian_vector(cluster(3), np.ones((2, 3))),
                ValueError,
                r"\(3, 3\)",
            ),
        ):
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                action()

    def test_positions_not_finite(self):
        potential = Potential.builtin("Ag.gupta")
        structure = cluster(4)
        structure.positions[2, 1] = math.nan
        with self.assertRaisesRegex(hop.NonfiniteError, "2"):
            potential.evaluate(structure)
        self.assertTrue(math.isnan(structure.energy))

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            good = Path(folder) / "A.lj"
            good.write_text("# UNITS: metal CITATION: none\nAr Ar 0.0104 3.4\n")
            self.assertEqual(Potential.load(good).kind, "lennard-jones")
            bad = Path(folder) / "B.lj"
            bad.write_text("# UNITS: metal CITATION: none\nAr Ar 0.0104\n")
            with self.assertRaisesRegex(hop.FormatError, r"B\.lj:2"):
                Potential.load(bad)
            with self.assertLogs("hop", "INFO") as logs:
                silent = Path(folder) / "C.sw"
                silent.write_text(
                    "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333\n"
                    "7.049556277 0.6022245584 4.0 0.0 0.0\n"
                )
                Potential.load(silent)
            self.assertIn("C.sw", logs.output[0])


class Many(unittest.TestCase):
    def setUp(self):
        self.potential = Potential.builtin("AgAu.gupta")
        self.batch = [
            Structure.random(f"Ag{k % 7 + 2}Au{k % 5 + 1}", self.potential, seed=k)
            for k in range(40)
        ]

    def test_same_bits_as_one_by_one(self):
        one = [structure.copy() for structure in self.batch]
        energies = [self.potential.evaluate(structure) for structure in one]
        for threads in (1, 2, 3):
            self.potential.threads = threads
            self.assertEqual(self.potential.threads, threads)
            found = self.potential.evaluate_many(iter(self.batch))
            self.assertEqual(found.tolist(), energies)
            for a, b in zip(self.batch, one):
                for name in ("forces", "virial", "energies"):
                    self.assertTrue((getattr(a, name) == getattr(b, name)).all())
        self.assertEqual(self.potential.evaluate_many([]).shape, (0,))

    def test_errors(self):
        self.potential.threads = 2
        self.batch[7].positions[1] = self.batch[7].positions[0]
        self.batch[30].positions[0, 0] = math.nan
        with self.assertRaisesRegex(hop.NonfiniteError, "^structure 7: "):
            self.potential.evaluate_many(self.batch)
        failed = [k for k, s in enumerate(self.batch) if math.isnan(s.energy)]
        self.assertEqual(failed, [7, 30])
        for action, kind, text in (
            (lambda: self.potential.evaluate_many(["Ag"]), TypeError, "Structure"),
            (lambda: self.potential.evaluate_many(7), TypeError, "iter"),
            (
                lambda: self.potential.evaluate_many(self.batch[:2] * 2),
                ValueError,
                "number 0 and 2",
            ),
            (lambda: setattr(self.potential, "threads", 0), ValueError, "1024"),
            (lambda: setattr(self.potential, "threads", 2**40), ValueError, "1024"),
            (lambda: setattr(self.potential, "threads", 1.5), TypeError, ""),
        ):
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                action()
        self.assertEqual(self.potential.threads, 2)

    def test_external(self):
        order = []

        def evaluate(structure):
            order.append(len(structure))
            if len(structure) == 5:
                raise hop.CannotEvaluate("five")
            return float(len(structure)), np.zeros((len(structure), 3))

        outside = Potential.external(evaluate)
        outside.threads = 3
        sizes = [len(structure) for structure in self.batch]
        with self.assertRaises(hop.NonfiniteError):
            outside.evaluate_many(self.batch)
        self.assertEqual(order, sizes)
        others = [structure for structure in self.batch if len(structure) != 5]
        self.assertEqual(
            outside.evaluate_many(others).tolist(), [len(s) for s in others]
        )

    def test_exception_in_external(self):
        def evaluate(structure):
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            Potential.external(evaluate).evaluate_many(self.batch)


class Modes(unittest.TestCase):
    def relaxed(self):
        potential = Potential.builtin("AgAu.gupta")
        structure = Structure.random("Ag7Au6", potential, seed=3)
        hop.Optimizer("lbfgs", structure, potential, fmax=1e-7).run()
        return potential, structure

    def test_cluster(self):
        potential, structure = self.relaxed()
        potential.threads = 2
        modes = potential.normal_modes(structure)
        self.assertEqual((modes.zero, modes.negative), (6, 0))
        self.assertEqual(modes.frequencies.shape, (39,))
        self.assertEqual(modes.vectors.shape, (39, 13, 3))
        flat = modes.vectors.reshape(39, 39)
        np.testing.assert_allclose(flat @ flat.T, np.eye(39), atol=1e-12)
        root = np.sqrt(structure.masses)[:, None]
        for k in (6, 20, 38):
            product = potential.hessian_vector(structure, modes.vectors[k] / root)
            value = (modes.frequencies[k] / 521.4708983725064) ** 2
            np.testing.assert_allclose(
                product / root, value * modes.vectors[k], atol=1e-9
            )

    def test_fixed(self):
        potential, structure = self.relaxed()
        structure.fixed[:4] = True
        modes = potential.normal_modes(structure)
        self.assertEqual(modes.vectors.shape, (27, 13, 3))
        self.assertTrue((modes.vectors[:, :4] == 0).all())
        structure.fixed[:] = True
        with self.assertRaisesRegex(ValueError, "fixed"):
            potential.normal_modes(structure)
        with self.assertRaisesRegex(TypeError, "Structure"):
            potential.normal_modes("Ag")

    def test_external(self):
        def evaluate(structure):
            x = structure.positions
            return 0.5 * (x * x).sum(), -x

        modes = Potential.external(evaluate).normal_modes(Structure("SiX"))
        expected = 521.4708983725064 / np.sqrt([28.085] * 3 + [1.0] * 3)
        np.testing.assert_allclose(modes.frequencies, expected, rtol=1e-6)

    def test_masses(self):
        self.assertEqual(Structure("XAgSi").masses.tolist(), [1.0, 107.8682, 28.085])


class External(unittest.TestCase):
    def test_same_as_inside(self):
        inside = Potential.builtin("Ag.gupta")

        def evaluate(structure):
            inside.evaluate(structure)
            return structure.energy, structure.forces, structure.virial

        outside = Potential.external(evaluate)
        self.assertEqual(outside.kind, "external")
        a, b = cluster(7), cluster(7)
        self.assertEqual(outside.evaluate(a), inside.evaluate(b))
        for name in ("forces", "virial", "energies"):
            self.assertEqual(
                getattr(a, name).tobytes(), getattr(b, name).tobytes(), name
            )

    def test_results(self):
        n = 3
        for result in (
            (-1, np.ones((n, 3))),
            [-1.0, [[1, 1, 1]] * n],
            (np.float32(-1), np.ones((n, 3), dtype=np.float32)),
            (np.array(-1.0), np.asfortranarray(np.ones((n, 3)))),
            (-1.0, np.ones((n, 6))[:, ::2], None),
            (-1.0, np.ones((n, 3)), range(6)),
            (-1.0, np.ones((n, 3)), [[0, 5, 4], [5, 1, 3], [4, 3, 2]]),
        ):
            structure = cluster(n)
            potential = Potential.external(lambda atoms, result=result: result)
            self.assertEqual(potential.evaluate(structure), -1.0)
            self.assertTrue((structure.forces == 1).all())
            if len(result) == 3 and result[2] is not None:
                self.assertEqual(structure.virial.tolist(), [0, 1, 2, 3, 4, 5])
            else:
                self.assertTrue(np.isnan(structure.virial).all())
            self.assertTrue(np.isnan(structure.energies).all())

    def test_sees_the_structure(self):
        seen = []

        @Potential.external
        def potential(atoms):
            seen.append(atoms)
            atoms.energies = [1.0, 2.0]
            return 3.0, np.zeros((2, 3))

        structure = Structure(
            "AgAu", [[0, 0, 0], [1, 2, 3]], cell=[7, 8, 9], fixed=[True, False]
        )
        structure.pbc = [True, True, False]
        potential.evaluate(structure)
        self.assertEqual(structure.energies.tolist(), [1, 2])
        for name in ("numbers", "positions", "cell", "pbc", "fixed"):
            self.assertEqual(
                getattr(seen[0], name).tolist(), getattr(structure, name).tolist()
            )
        seen[0].positions[...] = 5
        self.assertEqual(structure.positions[1].tolist(), [1, 2, 3])

    def test_hessian_vector(self):
        structure = cluster(6)
        v = np.random.default_rng(1).normal(size=(6, 3))
        differences = Potential.external(morse).hessian_vector(structure, v)
        self.assertTrue(np.isfinite(differences).all())
        self.assertGreater(abs(differences).max(), 0.1)
        given = Potential.external(morse, hessian_vector=lambda atoms, v: 2 * v)
        self.assertTrue((given.hessian_vector(structure, v) == 2 * v).all())
        for result, kind in ((v[:3], ValueError), (None, TypeError)):
            bad = Potential.external(morse, hessian_vector=lambda a, v, r=result: r)
            with self.assertRaises(kind):
                bad.hessian_vector(structure, v)

    def test_scales(self):
        potential = Potential.external(morse, length=2.5, energy=6.0, stiffness=1.5)
        self.assertEqual(potential.scales("Ag"), (2.5, 6.0, 1.5))
        self.assertTrue(math.isnan(potential.cutoff))
        for name in ("length", "energy", "stiffness"):
            with self.assertRaises(TypeError):
                Potential.external(morse, **{name: "2.5"})
            with self.assertRaises(ValueError):
                Potential.external(morse, **{name: -1.0})
        for bad in (None, 3, "morse"):
            with self.assertRaises(TypeError):
                Potential.external(bad)

    def test_garbage(self):
        ok = np.zeros((4, 3))
        for result, kind in (
            (None, TypeError),
            (1.0, TypeError),
            ((1.0,), TypeError),
            ((1.0, ok, np.zeros(6), 1), TypeError),
            ("ab", TypeError),
            (("a", ok), TypeError),
            ((None, ok), TypeError),
            ((1j, ok), TypeError),
            (([1.0, 2.0], ok), TypeError),
            ((1.0, None), TypeError),
            ((1.0, "forces"), TypeError),
            ((1.0, ok[:3]), ValueError),
            ((1.0, ok.ravel()), ValueError),
            ((1.0, ok + 1j), TypeError),
            ((1.0, np.zeros((4, 3), dtype=object)), TypeError),
            ((1.0, ok, np.zeros(5)), ValueError),
            ((1.0, ok, np.arange(9).reshape(3, 3)), ValueError),
            ((math.nan, ok), hop.NonfiniteError),
            ((math.inf, ok), hop.NonfiniteError),
            ((1.0, ok + math.nan), hop.NonfiniteError),
        ):
            with self.subTest(result=result):
                structure = cluster(4)
                potential = Potential.external(lambda atoms, result=result: result)
                with self.assertRaises(kind):
                    potential.evaluate(structure)
                self.assertTrue(math.isnan(structure.energy))

    def test_exceptions_come_out_unchanged(self):
        class Mine(Exception):
            pass

        for problem in (
            Mine("mine", 1),
            KeyboardInterrupt(),
            SystemExit(3),
            GeneratorExit(),
            MemoryError(),
            hop.StateError("from inside"),
        ):

            def evaluate(atoms, problem=problem):
                raise problem

            for potential, action in (
                (p := Potential.external(evaluate), lambda p=p: p.evaluate(cluster())),
                (
                    q := Potential.external(
                        morse, hessian_vector=lambda a, v: evaluate(a)
                    ),
                    lambda q=q: q.hessian_vector(cluster(), np.ones((8, 3))),
                ),
                (q, lambda p=p: p.hessian_vector(cluster(), np.ones((8, 3)))),
            ):
                with self.subTest(problem=problem):
                    with self.assertRaises(type(problem)) as caught:
                        action()
                    self.assertIs(caught.exception, problem)
        self.assertLess(Potential.external(morse).evaluate(cluster()), 0)

    def test_caught_on_entry(self):
        """What is caught outside a callback keeps the next one from being called."""
        from hop._handle import callbacks

        calls, problem = [], ZeroDivisionError()

        def evaluate(atoms):
            calls.append(1)
            callbacks.pending = problem
            return morse(atoms)

        with self.assertRaises(ZeroDivisionError) as caught:
            Potential.external(evaluate).hessian_vector(cluster(), np.ones((8, 3)))
        self.assertIs(caught.exception, problem)
        self.assertEqual(len(calls), 1)

    def test_cannot_evaluate(self):
        refusal = hop.CannotEvaluate("too near")

        def evaluate(atoms):
            raise refusal

        with self.assertRaises(hop.NonfiniteError) as caught:
            Potential.external(evaluate).evaluate(cluster())
        self.assertIs(caught.exception.__cause__, refusal)

    def test_nested(self):
        inner = Potential.external(lambda atoms: {}["missing"])

        def evaluate(atoms):
            try:
                inner.evaluate(atoms)
            except KeyError:
                return morse(atoms)

        structure = cluster()
        self.assertEqual(
            Potential.external(evaluate).evaluate(structure), morse(structure)[0]
        )

    def test_many_interrupts(self):
        """Ctrl-C at any moment, also on entry to the callback, is never lost."""
        hook = sys.unraisablehook
        forces = np.zeros((1, 3))
        potential = Potential.external(lambda atoms: (0.0, forces))
        structure = Structure("Ag")
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGALRM, previous)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)  # first
        for k in range(300):
            with self.assertRaises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + 2e-6 * k)
                for _ in range(100000):
                    potential.evaluate(structure)
        if sys.version_info >= (3, 11):  # older ones may be interrupted in `finally`
            self.assertIs(sys.unraisablehook, hook)

    def test_threads(self):
        entered, leave = threading.Event(), threading.Event()

        def evaluate(atoms):
            entered.set()
            leave.wait(10)
            return morse(atoms)

        potential = Potential.external(evaluate)
        problems = []

        def work():
            try:
                potential.evaluate(cluster())
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait(10)
        with self.assertRaisesRegex(hop.StateError, "another thread"):
            potential.evaluate(cluster())
        leave.set()
        thread.join()
        self.assertEqual(problems, [])
        self.assertLess(potential.evaluate(cluster()), 0)

    def test_exceptions_belong_to_their_thread(self):
        def work(k, results):
            def evaluate(atoms):
                raise ValueError(k)

            potential = Potential.external(evaluate)
            for _ in range(200):
                try:
                    potential.evaluate(cluster(2))
                except ValueError as problem:
                    results.append(problem.args == (k,))

        results = []
        threads = [threading.Thread(target=work, args=(k, results)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 800)


class Pickling(unittest.TestCase):
    def test_potentials(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "Ag.lj"
            path.write_text("# UNITS: metal\nAg Ag 0.3 2.6\n")
            for potential in (
                Potential.builtin("AgAu.gupta"),
                Potential.load(path),
                Potential.external(morse, length=2.5, energy=3.0, stiffness=1.0),
            ):
                expected = potential.evaluate(cluster())
                for again in (pickle.loads(pickle.dumps(potential)), copy.copy(potential)):
                    self.assertEqual(again.evaluate(cluster()), expected)
                    self.assertEqual(again.scales("Ag"), potential.scales("Ag"))
        with self.assertRaises((pickle.PicklingError, AttributeError)):
            pickle.dumps(Potential.external(lambda atoms: morse(atoms)))

    def test_in_another_process(self):
        potential = Potential.builtin("AgAu.gupta")
        work = functools.partial(hop.search, "Ag7Au6", potential, evaluations=200)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(work)
        self.assertEqual(found.best.energy, work().best.energy)
        self.assertEqual(found.runs[0].outcome, hop.Status.MAX_EVALUATIONS)


class Lifetimes(unittest.TestCase):
    def test_callable_lives_with_the_potential(self):
        class Callable:
            def __call__(self, atoms):
                return morse(atoms)

        function = Callable()
        watch = weakref.ref(function)
        potential = Potential.external(function)
        del function
        gc.collect()
        self.assertIsNotNone(watch())
        potential.evaluate(cluster())
        del potential
        self.assertIsNone(watch())

    def test_callable_that_owns_its_potential(self):
        class Calculator:
            def __init__(self):
                self.potential = Potential.external(self.evaluate)

            def evaluate(self, atoms):
                return morse(atoms)

        calculator = Calculator()
        calculator.potential.evaluate(cluster())
        watch = weakref.ref(calculator)
        del calculator
        gc.collect()
        self.assertIsNone(watch())

    def test_optimizer_keeps_the_potential(self):
        structure = cluster()
        optimizer = hop.Optimizer("lbfgs", structure, Potential.external(morse))
        gc.collect()
        self.assertEqual(optimizer.run(), hop.Status.CONVERGED)

    def test_create_and_free(self):
        def builtin():
            Potential.builtin("AgAu.gupta")

        def external():
            Potential.external(morse).evaluate(Structure("Ag2", [[0, 0, 0], [1, 1, 1]]))

        self.assertLess(growth(builtin, 1000, 10000), 1 << 20)
        self.assertLess(growth(external, 1000, 10000), 1 << 20)

    def test_failures_do_not_leak(self):
        def fail():
            try:
                Potential.external(lambda atoms: None).evaluate(Structure("Ag"))
            except TypeError:
                pass

        self.assertLess(growth(fail, 1000, 10000), 1 << 20)


if __name__ == "__main__":
    unittest.main()
