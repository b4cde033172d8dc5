"""Optimizers: options, ask and tell, runs, and what callbacks may do to them."""

import gc
import math
import signal
import threading
import time
import unittest
import weakref

import numpy as np
from hop import Optimizer, Potential, Status, Structure
from support import cluster, growth, hop, morse

LOCAL = (
    "gradient-descent",
    "adam",
    "fire",
    "fire2",
    "smooth-fire",
    "conjugate-gradient",
    "lbfgs",
)
KINDS = (*LOCAL, "basin-hopping", "learned", "learned-continuous")


def gupta():
    return Potential.builtin("AgAu.gupta")


def start(potential, formula="Ag6Au7", seed=1):
    return Structure.random(formula, potential, seed)


class OptionTables(unittest.TestCase):
    def test_kinds(self):
        self.assertEqual(set(hop.optimizers()), set(KINDS))

    def test_tables(self):
        for kind in (*hop.optimizers(), *hop.training_methods()):
            table = hop.options(kind)
            self.assertGreater(len(table), 3)
            names = [option.name for option in table]
            self.assertEqual(len(set(names)), len(names))
            taken = {"kind", "structure", "potential", "model", "tasks", "threads"}
            self.assertFalse(taken & set(names))
            for option in table:
                with self.subTest(kind=kind, option=option.name):
                    self.assertTrue(option.name.isidentifier())
                    self.assertTrue(option.doc)
                    self.assertIn(option.type, (float, int, bool))
                    self.assertLessEqual(option.minimum, option.initial)
                    self.assertLessEqual(option.initial, option.maximum)
                    self.assertIsInstance(option.initial, (option.type, float))

    def test_they_print_as_a_table(self):
        text = repr(hop.options("learned"))
        for option in hop.options("learned"):
            self.assertRegex(text, rf"(?m)^{option.name} = ")
        self.assertIn("temperature = 0.02 e0\n    of the Metropolis rule", text)
        self.assertLess(max(map(len, text.splitlines())), 90)

    def test_unknown_options(self):
        for kind in KINDS:
            with self.assertRaises(hop.ArgumentError) as caught:
                Optimizer(kind, cluster(), nothing_like_it=1)
            message = str(caught.exception)
            for option in hop.options(kind):
                self.assertIn(" " + option.name, message)
            with self.assertRaisesRegex(hop.ArgumentError, "'max_evalutions'; did you mean max"):
                Optimizer(kind, cluster(), max_evalutions=1)

    def test_unknown_kind(self):
        with self.assertRaisesRegex(hop.ArgumentError, "lbfgs.*tbptt.*'lbfg'"):
            hop.options("lbfg")
        with self.assertRaises(TypeError):
            hop.options(None)

    def test_every_option_is_a_keyword(self):
        potential = gupta()
        atoms = start(potential)
        for kind in KINDS:
            initial = Optimizer(kind, atoms, potential)
            defaults = initial.options
            self.assertEqual(list(defaults), [o.name for o in hop.options(kind)])
            for option in hop.options(kind):
                with self.subTest(kind=kind, option=option.name):
                    self.assertEqual(defaults[option.name], option.initial)
                    self.assertEqual(initial.get(option.name), option.initial)
                    for value in (option.minimum, option.maximum):
                        made = Optimizer(kind, atoms, potential, **{option.name: value})
                        self.assertEqual(made.get(option.name), value)
                    below = option.minimum - max(1, abs(option.minimum))
                    for wrong in (below, math.nan, math.inf):
                        with self.assertRaises(hop.ArgumentError) as caught:
                            Optimizer(kind, atoms, potential, **{option.name: wrong})
                        self.assertIn(option.name, str(caught.exception))

    def test_types(self):
        atoms = cluster()
        optimizer = Optimizer("basin-hopping", atoms, adapt=False, seed=np.int64(7))
        optimizer.set(fmax=np.float32(0.5), max_time=3)
        self.assertIs(optimizer.get("adapt"), False)
        self.assertIsInstance(optimizer.get("seed"), int)
        self.assertIsInstance(optimizer.get("max_time"), float)
        for name, value, kind in (
            ("fmax", "0.1", TypeError),
            ("fmax", None, TypeError),
            ("fmax", [0.1, 0.2], TypeError),
            ("fmax", 1j, TypeError),
            ("seed", 1.5, ValueError),
            ("adapt", 0.5, ValueError),
            ("fmaxx", 0.1, ValueError),
        ):
            with self.subTest(name=name, value=value):
                with self.assertRaisesRegex(kind, name):
                    optimizer.set(**{name: value})
        with self.assertRaisesRegex(hop.ArgumentError, "fmax"):
            optimizer.get("fmaxx")

    def test_fixed_once_begun(self):
        optimizer = Optimizer("fire", cluster(), Potential.external(morse))
        optimizer.ask()
        optimizer.set(max_evaluations=7)
        with self.assertRaises(hop.StateError):
            optimizer.set(dt=0.1)


class Making(unittest.TestCase):
    def test_bad_input(self):
        potential = gupta()
        atoms = start(potential)
        nowhere = start(potential)
        nowhere.positions[0] = math.nan
        for arguments, kind, text in (
            (("lbfg", atoms, potential), ValueError, "lbfg"),
            ((1, atoms, potential), TypeError, "kind"),
            (("lbfgs", "Ag", potential), TypeError, "structure"),
            (("lbfgs", atoms, "AgAu.gupta"), TypeError, "potential"),
            (("learned", atoms, potential, "m.h5"), TypeError, "model"),
            (("lbfgs", nowhere, potential), ValueError, "atom 0.*finite"),
            (("lbfgs", Structure("Cu2"), potential), ValueError, "Cu"),
        ):
            with self.subTest(arguments=arguments):
                with self.assertRaisesRegex(kind, text):
                    Optimizer(*arguments)

    def test_model_of_another_kind(self):
        with self.assertRaises(hop.Error):
            Optimizer("fire", cluster(), model=hop.Model())

    def test_without_a_potential(self):
        optimizer = Optimizer("lbfgs", cluster())
        for action in (optimizer.run, optimizer.iterate):
            with self.assertRaises(hop.StateError):
                action()

    def test_repr(self):
        optimizer = Optimizer("lbfgs", cluster(), Potential.external(morse))
        self.assertIn("not finished", repr(optimizer))
        optimizer.run()
        self.assertIn("converged", repr(optimizer))


class Running(unittest.TestCase):
    def test_every_local_kind_converges(self):
        potential = gupta()
        for kind in LOCAL:
            with self.subTest(kind):
                atoms = start(potential)
                before = potential.evaluate(atoms)
                optimizer = Optimizer(kind, atoms, potential, fmax=0.01)
                self.assertIsNone(optimizer.outcome)
                self.assertEqual(optimizer.run(), Status.CONVERGED)
                self.assertEqual(optimizer.outcome, Status.CONVERGED)
                self.assertLess(atoms.energy, before)
                largest = np.linalg.norm(atoms.forces, axis=1).max()
                self.assertLess(largest, 0.01)
                energy = atoms.energy
                self.assertEqual(potential.evaluate(atoms), energy)
                self.assertEqual(optimizer.best.energy, energy)
                self.assertEqual(optimizer.progress.best_energy, energy)

    def test_search(self):
        """Basin hopping finds the icosahedron of 13 Lennard-Jones particles."""
        potential = Potential.builtin("LJ.lj")
        for kind in ("basin-hopping", "learned"):
            atoms = Structure.random("X13", potential, seed=3)
            outcome = Optimizer(
                kind, atoms, potential, max_evaluations=20000, target=-44.32
            ).run()
            self.assertEqual(outcome, Status.TARGET, kind)
            self.assertLess(atoms.energy, -44.32)

    def test_three_ways_are_the_same(self):
        potential = gupta()
        results = []
        for way in ("run", "iterate", "ask"):
            atoms = start(potential)
            optimizer = Optimizer("fire", atoms, potential, max_evaluations=50)
            if way == "run":
                optimizer.run()
            elif way == "iterate":
                seen = [progress.evaluations for progress in optimizer.iterate()]
                self.assertEqual(seen, list(range(1, 51)))
            else:
                while optimizer.ask():
                    potential.evaluate(atoms)
                    optimizer.tell()
            self.assertEqual(optimizer.outcome, Status.MAX_EVALUATIONS)
            results.append((atoms.energy, atoms.positions.tobytes()))
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[0], results[2])

    def test_own_forces(self):
        atoms = cluster(10)
        optimizer = Optimizer("lbfgs", atoms, fmax=1e-3)
        while optimizer.ask():
            atoms.energy, atoms.forces = morse(atoms)
            optimizer.tell()
        self.assertEqual(optimizer.outcome, Status.CONVERGED)
        other = cluster(10)
        Optimizer("lbfgs", other, Potential.external(morse), fmax=1e-3).run()
        self.assertAlmostEqual(atoms.energy, other.energy, 6)

    def test_another_structure(self):
        potential = gupta()
        atoms = start(potential)
        before = atoms.positions.copy()
        target = atoms.copy()
        optimizer = Optimizer("lbfgs", atoms, potential)
        optimizer.run(structure=target)
        self.assertTrue((atoms.positions == before).all())
        self.assertFalse((target.positions == before).all())
        with self.assertRaises(hop.ArgumentError):
            optimizer.ask(cluster(3))
        with self.assertRaises(TypeError):
            optimizer.ask("Ag")

    def test_fixed_atoms(self):
        potential = gupta()
        atoms = start(potential)
        atoms.fixed[:4] = True
        before = atoms.positions.copy()
        Optimizer("lbfgs", atoms, potential).run()
        self.assertTrue((atoms.positions[:4] == before[:4]).all())
        self.assertFalse((atoms.positions[4:] == before[4:]).any())

    def test_cell(self):
        basis = [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0],
                 [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]
        atoms = Structure("Si8", 1.4 * np.array(basis, float), cell=5.6 * np.eye(3), pbc=True)
        view, potential = atoms.cell, Potential.builtin("Si.sw")
        seen = []
        optimizer = Optimizer(
            "lbfgs", atoms, potential, cell=1, pressure=0.03, fmax=1e-5, smax=1e-7
        )
        self.assertIs(optimizer.run(seen.append), Status.CONVERGED)
        self.assertLess(view[0, 0], 5.43)  # the same memory
        np.testing.assert_allclose(atoms.cell, view[0, 0] * np.eye(3), atol=1e-9)
        np.testing.assert_allclose(atoms.stress[:3], -0.03, atol=1e-7)
        self.assertGreater(seen[0].smax, 1e-2)
        self.assertLess(seen[-1].smax, 1e-7)
        enthalpy = atoms.energy + 0.03 * np.linalg.det(atoms.cell)
        self.assertAlmostEqual(optimizer.progress.best_energy, enthalpy, 9)
        np.testing.assert_array_equal(optimizer.best.cell, atoms.cell)
        with self.assertRaisesRegex(hop.ArgumentError, "cluster"):
            Optimizer("fire", start(gupta()), gupta(), cell=1).run()

    def test_protocol(self):
        optimizer = Optimizer("lbfgs", cluster(), Potential.external(morse))
        with self.assertRaises(hop.StateError):
            optimizer.tell()
        with self.assertRaises(hop.StateError):
            optimizer.best
        self.assertTrue(optimizer.ask())
        first = optimizer.structure.positions.copy()
        self.assertTrue(optimizer.ask())
        self.assertTrue((optimizer.structure.positions == first).all())

    def test_limits(self):
        potential = gupta()
        for kind in KINDS:
            optimizer = Optimizer(
                kind, start(potential), potential, max_evaluations=9, fmax=1e-10
            )
            self.assertEqual(optimizer.run(), Status.MAX_EVALUATIONS)
            self.assertEqual(optimizer.progress.evaluations, 9)
        optimizer = Optimizer(
            "basin-hopping", start(potential), potential, max_time=0.05
        )
        before = time.monotonic()
        self.assertEqual(optimizer.run(), Status.MAX_TIME)
        self.assertLess(time.monotonic() - before, 2)

    def test_same_seed_same_bits(self):
        potential = gupta()
        for kind in ("basin-hopping", "learned"):
            bits = set()
            for _ in range(2):
                atoms = start(potential)
                Optimizer(kind, atoms, potential, max_evaluations=500, seed=5).run()
                bits.add(atoms.positions.tobytes())
            self.assertEqual(len(bits), 1)

    def test_model(self):
        potential = gupta()
        model = hop.Model()
        energies = []
        for shift in (None, 0.0, 0.02):
            if shift is not None:
                model.parameters[...] += shift
            atoms = start(potential)
            optimizer = Optimizer(
                "learned",
                atoms,
                potential,
                None if shift is None else model,
                max_evaluations=15,
                descend=1,
            )
            optimizer.run()
            energies.append(atoms.energy)
        self.assertEqual(energies[0], energies[1])
        self.assertNotEqual(energies[0], energies[2])


class Progress(unittest.TestCase):
    def test_calls(self):
        potential = gupta()
        seen = []
        optimizer = Optimizer("lbfgs", start(potential), potential)
        optimizer.run(seen.append)
        self.assertEqual(
            [progress.evaluations for progress in seen], list(range(1, len(seen) + 1))
        )
        best = [progress.best_energy for progress in seen]
        self.assertEqual(best, sorted(best, reverse=True))
        self.assertEqual(min(progress.energy for progress in seen), best[-1])
        self.assertLess(seen[-1].fmax, optimizer.get("fmax"))
        self.assertEqual(seen[-1][:3], optimizer.progress[:3])
        self.assertGreater(seen[-1].seconds, 0)

    def test_stop_and_go_on(self):
        potential = gupta()
        atoms = start(potential)
        optimizer = Optimizer("lbfgs", atoms, potential)
        outcome = optimizer.run(lambda progress: progress.evaluations >= 5)
        self.assertEqual(outcome, Status.STOPPED)
        self.assertEqual(optimizer.progress.evaluations, 5)
        self.assertEqual(atoms.energy, optimizer.progress.best_energy)
        self.assertEqual(optimizer.run(), Status.CONVERGED)
        straight = start(potential)
        Optimizer("lbfgs", straight, potential).run()
        self.assertEqual(straight.energy, atoms.energy)

    def test_leaving_the_loop(self):
        potential = gupta()
        optimizer = Optimizer("lbfgs", start(potential), potential)
        for progress in optimizer.iterate():
            if progress.evaluations == 3:
                break
        self.assertIsNone(optimizer.outcome)
        self.assertEqual(optimizer.best.energy, optimizer.progress.best_energy)
        self.assertEqual(optimizer.run(), Status.CONVERGED)

    def test_best_inside(self):
        potential = gupta()
        optimizer = Optimizer("lbfgs", start(potential), potential)
        energies = []
        optimizer.run(lambda progress: energies.append(optimizer.best.energy))
        self.assertEqual(energies[-1], optimizer.best.energy)

    def test_not_callable(self):
        optimizer = Optimizer("lbfgs", cluster(), Potential.external(morse))
        with self.assertRaises(TypeError):
            optimizer.run(5)

    def test_cancel_from_another_thread(self):
        potential = gupta()
        atoms = start(potential)
        optimizer = Optimizer("basin-hopping", atoms, potential)
        timer = threading.Timer(0.05, optimizer.cancel)
        timer.start()
        self.assertEqual(optimizer.run(), Status.STOPPED)
        timer.join()
        self.assertTrue(math.isfinite(atoms.energy))
        self.assertEqual(optimizer.run(), Status.STOPPED)
        optimizer.resume()
        count = optimizer.progress.evaluations
        optimizer.set(max_evaluations=count + 10)
        self.assertEqual(optimizer.run(), Status.MAX_EVALUATIONS)
        other = Optimizer("lbfgs", start(potential), potential)
        self.assertEqual(other.run(), Status.CONVERGED)

    def test_threads(self):
        """Searches in threads give the same results as one after another."""

        def work(seed, results):
            potential = gupta()
            atoms = start(potential, seed=seed)
            Optimizer("basin-hopping", atoms, potential, max_evaluations=2000).run()
            results[seed] = atoms.positions.tobytes()

        serial, parallel = {}, {}
        for seed in range(4):
            work(seed, serial)
        threads = [
            threading.Thread(target=work, args=(seed, parallel)) for seed in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(serial, parallel)


class Exceptions(unittest.TestCase):
    def test_in_progress(self):
        potential = gupta()
        for problem in (ZeroDivisionError(), KeyboardInterrupt(), SystemExit(1)):
            atoms = start(potential)
            optimizer = Optimizer("lbfgs", atoms, potential)

            def progress(found, problem=problem):
                if found.evaluations == 4:
                    raise problem

            with self.assertRaises(type(problem)) as caught:
                optimizer.run(progress)
            self.assertIs(caught.exception, problem)
            self.assertEqual(optimizer.progress.evaluations, 4)
            self.assertEqual(optimizer.best.energy, optimizer.progress.best_energy)
            self.assertEqual(optimizer.run(), Status.CONVERGED)

    def test_in_evaluate(self):
        for problem in (ZeroDivisionError(), KeyboardInterrupt(), SystemExit(1)):
            calls = []

            def evaluate(atoms, problem=problem, calls=calls):
                calls.append(1)
                if len(calls) == 4:
                    raise problem
                return morse(atoms)

            for kind in KINDS:
                calls.clear()
                optimizer = Optimizer(kind, cluster(), Potential.external(evaluate))
                with self.assertRaises(type(problem)) as caught:
                    optimizer.run()
                self.assertIs(caught.exception, problem)
                self.assertEqual(len(calls), 4)
                self.assertTrue(math.isfinite(optimizer.best.energy))

    def test_caught_on_entry(self):
        """What is caught outside a callback ends the run at the next one."""
        from hop._handle import callbacks

        calls, problem = [], ZeroDivisionError()

        def leave(*_):
            calls.append(1)
            callbacks.pending = problem

        def evaluate(atoms):
            leave()
            return morse(atoms)

        for arguments, function in (((), evaluate), ((leave,), morse)):
            calls.clear()
            optimizer = Optimizer("fire", cluster(), Potential.external(function))
            with self.assertRaises(ZeroDivisionError) as caught:
                optimizer.run(*arguments)
            self.assertIs(caught.exception, problem)
            self.assertEqual(len(calls), 1)

        calls.clear()
        optimizer = Optimizer("fire", cluster(), Potential.builtin("Ag.gupta"))
        with self.assertRaises(ZeroDivisionError):
            optimizer.run(leave)
        self.assertEqual(len(calls), 1)

    def test_in_iterate(self):
        problem = ZeroDivisionError()

        def evaluate(atoms):
            raise problem

        optimizer = Optimizer("lbfgs", cluster(), Potential.external(evaluate))
        with self.assertRaises(ZeroDivisionError) as caught:
            next(optimizer.iterate())
        self.assertIs(caught.exception, problem)

    def test_garbage(self):
        calls = []

        def evaluate(atoms):
            calls.append(1)
            return morse(atoms) if len(calls) < 4 else (0.0, np.zeros((2, 3)))

        optimizer = Optimizer("lbfgs", cluster(), Potential.external(evaluate))
        with self.assertRaisesRegex(hop.ArgumentError, "forces"):
            optimizer.run()

    def test_refusals_bring_the_optimizer_nearer(self):
        for refuse in (
            lambda: (math.nan, np.zeros((8, 3))),
            lambda: (0.0, np.full((8, 3), math.inf)),
            hop.CannotEvaluate,
        ):
            calls = []

            def evaluate(atoms, refuse=refuse, calls=calls):
                calls.append(1)
                if len(calls) % 3 == 0:
                    answer = refuse()
                    if isinstance(answer, Exception):
                        raise answer
                    return answer
                return morse(atoms)

            for run in (
                lambda optimizer: optimizer.run(),
                lambda optimizer: list(optimizer.iterate()),
            ):
                calls.clear()
                atoms = cluster()
                optimizer = Optimizer("lbfgs", atoms, Potential.external(evaluate))
                run(optimizer)
                self.assertEqual(optimizer.outcome, Status.CONVERGED)
                self.assertTrue(math.isfinite(atoms.energy))
                self.assertGreater(len(calls), 6)

    def test_all_refused(self):
        optimizer = Optimizer(
            "lbfgs",
            cluster(),
            Potential.external(lambda atoms: (math.nan, np.zeros((8, 3)))),
        )
        with self.assertRaisesRegex(hop.NonfiniteError, "start"):
            optimizer.run()
        with self.assertRaises(hop.StateError):
            optimizer.best

    def test_errors_of_the_potential(self):
        potential = gupta()
        atoms = start(potential)
        atoms.pbc = True
        with self.assertRaises(hop.ArgumentError) as caught:
            Optimizer("lbfgs", atoms, potential).run()
        self.assertTrue(str(caught.exception))
        self.assertIn("c", str(caught.exception))

    def test_interrupts(self):
        """Ctrl-C at any moment of a run that never calls Python code of ours."""
        potential = gupta()
        optimizer = Optimizer("basin-hopping", start(potential), potential)
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGALRM, previous)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)  # first
        for k in range(100):
            with self.assertRaises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 1e-4 + 3e-6 * k)
                optimizer.run()
        self.assertTrue(math.isfinite(optimizer.best.energy))

    def test_handlers_that_do_not_raise(self):
        """A signal whose handler only takes a note does not disturb the run."""
        potential = gupta()
        noted = []
        previous = signal.signal(signal.SIGALRM, lambda *_: noted.append(1))
        self.addCleanup(signal.signal, signal.SIGALRM, previous)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)  # first
        atoms = start(potential)
        optimizer = Optimizer("basin-hopping", atoms, potential, max_evaluations=5000)
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        try:
            self.assertEqual(optimizer.run(), Status.MAX_EVALUATIONS)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertTrue(noted)


class Lifetimes(unittest.TestCase):
    def test_any_order(self):
        """Objects hold on to what they need, whichever is dropped first."""
        potential = Potential.external(morse)
        atoms = cluster()
        optimizer = Optimizer("lbfgs", atoms, potential)
        watch = weakref.ref(potential), weakref.ref(atoms)
        del potential, atoms
        gc.collect()
        self.assertIsNotNone(watch[0]())
        optimizer.run()
        best = optimizer.best
        del optimizer
        gc.collect()
        self.assertIsNone(watch[0]())
        self.assertIsNone(watch[1]())
        self.assertTrue(math.isfinite(best.energy))
        self.assertTrue(np.isfinite(best.forces).all())

    def test_cycles(self):
        class Everything:
            def __init__(self):
                self.potential = Potential.external(self.evaluate)
                self.atoms = cluster()
                self.model = hop.Model()
                self.optimizer = Optimizer(
                    "learned", self.atoms, self.potential, self.model, max_evaluations=3
                )
                self.generator = self.optimizer.iterate()
                next(self.generator)

            def evaluate(self, atoms):
                return morse(atoms)

        watch = [weakref.ref(Everything()) for _ in range(20)]
        gc.collect()
        self.assertEqual([reference() for reference in watch], [None] * 20)

    def test_create_and_free(self):
        potential = Potential.builtin("Ag.gupta")
        model = hop.Model()

        def action():
            atoms = Structure("Ag3", [[0, 0, 0], [3, 0, 0], [0, 3, 0]])
            optimizer = Optimizer("learned", atoms, potential, model, max_evaluations=2)
            optimizer.run(lambda progress: None)
            optimizer.best

        self.assertLess(growth(action, 1000, 10000), 1 << 20)

    def test_failing_create_and_free(self):
        potential = Potential.builtin("Ag.gupta")
        atoms = cluster(3)

        def action():
            try:
                Optimizer("lbfgs", atoms, potential, fmaxx=1)
            except ValueError:
                pass

        self.assertLess(growth(action, 1000, 10000), 1 << 20)


if __name__ == "__main__":
    unittest.main()
