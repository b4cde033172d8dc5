"""Matching structures, minima on the way of a search, archives, chains."""

import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np
from hop import Archive, Chains, Optimizer, Potential, Status, Structure, match
from support import hop

TEMPERATURES = (0.2, 0.4, 0.8)


def gupta():
    return Potential.builtin("AgAu.gupta")


def turned(atoms, seed, mirrored=False):
    """Another place, another orientation, another order of the atoms."""
    random = np.random.default_rng(seed)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation) * (-1 if mirrored else 1)
    order = random.permutation(len(atoms))
    positions = atoms.positions @ rotation.T + random.normal(size=3)
    return Structure(atoms.numbers[order], positions[order]), rotation, order


class Matching(unittest.TestCase):
    def test_the_same(self):
        atoms = Structure.random("Ag6Au7", gupta(), 3)
        for seed, mirrored in ((1, False), (2, True)):
            other, rotation, order = turned(atoms, seed, mirrored)
            found = match(atoms, other)
            self.assertTrue(found)
            self.assertLess(found.largest, 1e-9)
            self.assertLessEqual(found.rms, found.largest)
            self.assertEqual(found.mirrored, mirrored)
            np.testing.assert_array_equal(order[found.permutation], np.arange(13))
            np.testing.assert_allclose(found.rotation, rotation, atol=1e-9)
            laid = atoms.positions @ found.rotation.T + found.shift
            np.testing.assert_allclose(
                laid, other.positions[found.permutation], atol=1e-9
            )

    def test_different(self):
        a, b = (Structure.random("Ag6Au7", gupta(), seed) for seed in (1, 2))
        found = match(a, b)
        self.assertFalse(found)
        self.assertGreater(found.largest, 0.2)
        b = a.copy()
        b.positions[0] += 0.1
        self.assertTrue(match(a, b))
        self.assertFalse(match(a, b, tolerance=0.01))

    def test_crystals_are_moved_only(self):
        cell, basis = 5.0 * np.eye(3), np.array([[0, 0, 0], [1.1, 1.2, 1.3]])
        a = Structure("SiC", basis, cell=cell)
        b = Structure("CSi", (basis[::-1] + 4.0), cell=cell)
        self.assertEqual(match(a, b).permutation.tolist(), [1, 0])
        self.assertFalse(match(a, Structure("SiC", -basis, cell=cell)))

    def test_errors(self):
        atoms = Structure.random("Ag6Au7", gupta(), 3)
        with self.assertRaises(TypeError):
            match(atoms, "Ag13")
        with self.assertRaises(TypeError):
            match(atoms, atoms, "0.1")
        crystal = Structure("Si", cell=5.0 * np.eye(3))
        with self.assertRaisesRegex(hop.ArgumentError, "cell"):
            match(crystal, Structure("Si", cell=5.1 * np.eye(3)))
        other = atoms.copy()
        other.positions[0] = np.inf
        with self.assertRaises(hop.NonfiniteError):
            match(atoms, other)


class OnMinimum(unittest.TestCase):
    def optimizer(self, potential, **options):
        atoms = Structure.random("Ag6Au7", potential, 1)
        return Optimizer("basin-hopping", atoms, potential, max_evaluations=800, **options)

    def test_every_way_of_running(self):
        potential, seen = gupta(), []
        for way in ("run", "iterate", "tell"):
            optimizer, found = self.optimizer(potential), []
            self.assertIsNone(optimizer.on_minimum)
            optimizer.on_minimum = lambda s, p, to=found: to.append((s, p.evaluations))
            if way == "run":
                optimizer.run()
            elif way == "iterate":
                list(optimizer.iterate())
            else:
                while optimizer.ask():
                    potential.evaluate(optimizer.structure)
                    optimizer.tell()
            seen.append([(s.energy, s.positions.tobytes(), at) for s, at in found])
            self.assertGreater(len(found), 5)
            for minimum, _ in found[:3]:
                forces = minimum.forces.copy()
                self.assertAlmostEqual(
                    potential.evaluate(minimum.copy()), minimum.energy, 9
                )
                self.assertLess(np.linalg.norm(forces, axis=1).max(), 1.0)
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0], seen[2])

    def test_stop_and_nobody(self):
        optimizer, seen = self.optimizer(gupta()), []
        optimizer.on_minimum = lambda s, p: seen.append(p) or len(seen) == 3
        self.assertIs(optimizer.run(), Status.STOPPED)
        self.assertEqual(len(seen), 3)
        optimizer.on_minimum = None
        self.assertIs(optimizer.run(), Status.MAX_EVALUATIONS)
        self.assertEqual(len(seen), 3)
        with self.assertRaisesRegex(TypeError, "on_minimum"):
            optimizer.on_minimum = 3

    def test_exceptions(self):
        for problem in (ValueError("mine"), KeyboardInterrupt(), SystemExit(3)):
            def fail(_minimum, _progress, problem=problem):
                raise problem

            for way in ("run", "iterate"):
                optimizer = self.optimizer(gupta())
                optimizer.on_minimum = fail
                with self.assertRaises(type(problem)) as caught:
                    optimizer.run() if way == "run" else list(optimizer.iterate())
                self.assertIs(caught.exception, problem)
                self.assertTrue(np.isfinite(optimizer.best.energy))


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "minima.xyz"
        self.potential = gupta()

    def minimum(self, seed):
        atoms = Structure.random("Ag6Au7", self.potential, seed)
        Optimizer("lbfgs", atoms, self.potential, fmax=1e-4).run()
        return atoms

    def test_add_and_look(self):
        archive = Archive(3)
        atoms = [self.minimum(seed) for seed in range(5)]
        energies = sorted({round(s.energy, 6) for s in atoms})
        self.assertTrue(archive.add(atoms[0], 70, 5))
        again = turned(atoms[0], 1, True)[0]
        again.energy = atoms[0].energy
        self.assertFalse(archive.add(again, 90, 6))
        self.assertEqual(archive[0][2:], (2, 70, 5))
        for s in atoms[1:]:
            archive.add(s)
        self.assertEqual((len(archive), archive.seen), (3, 6))
        found = [minimum.energy for minimum in archive]
        np.testing.assert_allclose(found, energies[:3], atol=1e-6)
        self.assertEqual(archive[-1].energy, found[-1])
        self.assertEqual(archive[0].structure.energy, found[0])
        self.assertEqual([minimum.energy for minimum in archive[:2]], found[:2])
        self.assertEqual([minimum.energy for minimum in archive[::-1]], found[::-1])
        for outside in (3, -4, 10**30):
            with self.assertRaises(IndexError):
                archive[outside]

    def test_files(self):
        archive = Archive(7, energy_tolerance=0.01, distance_tolerance=0.3)
        with self.assertRaises(hop.StateError):
            archive.save(self.path)
        for seed in range(4):
            archive.add(self.minimum(seed), seed, seed)
        archive.save(self.path)
        again = Archive.load(self.path, like=self.minimum(9))
        self.assertEqual(again.seen, archive.seen)
        for a, b in zip(archive, again):
            self.assertEqual((a.energy, a[2:]), (b.energy, b[2:]))
            self.assertTrue((a.structure.positions == b.structure.positions).all())
        self.assertEqual(Structure.read(self.path).energy, archive[0].energy)
        for like, text in (("Ag13", "got 7 fewer of Ag"), ("Ag5", "expected 5 atoms, got 13")):
            with self.assertRaisesRegex(hop.ArgumentError, text):
                Archive.load(self.path, like=Structure(like))
        self.path.write_text("hello")
        with self.assertRaises(hop.FormatError):
            Archive.load(self.path)

    def test_errors(self):
        for keywords in ({"capacity": 0}, {"energy_tolerance": -1.0},
                         {"distance_tolerance": np.nan}):  # fmt: skip
            with self.assertRaises(hop.ArgumentError):
                Archive(**keywords)
        archive = Archive()
        archive.add(self.minimum(1))
        with self.assertRaises(hop.NonfiniteError):
            archive.add(Structure("Ag6Au7"))
        with self.assertRaises(hop.ArgumentError):
            archive.add(self.minimum(1), seed=-1)
        other = Structure("Ag2")
        other.energy = 1.0
        with self.assertRaises(hop.ArgumentError):
            archive.add(other)
        self.assertEqual(archive.seen, 1)

    def test_of_searches(self):
        archive = Archive(10)
        found = hop.search(
            "Ag6Au7", self.potential, kind="basin-hopping", evaluations=1500, runs=2,
            archive=archive,
        )  # fmt: skip
        # loosely quenched, some are just above a lower one
        self.assertLess(archive[0].energy, found.best.energy + 1e-3)
        self.assertTrue(any(match(m.structure, found.best) for m in archive))
        self.assertGreater(archive.seen, 40)
        self.assertEqual({minimum.seed for minimum in archive} - {1, 2}, set())
        for minimum in archive:
            forces = minimum.structure.forces
            self.assertLess(np.linalg.norm(forces, axis=1).max(), 2e-4)
        with self.assertRaises(TypeError):
            hop.search("Ag6Au7", self.potential, archive="minima.xyz")


class Side(unittest.TestCase):
    """Chains side by side."""

    def chains(self, potential=None, kind="basin-hopping", temperatures=TEMPERATURES, **more):
        potential = potential or gupta()
        atoms = Structure.random("Ag6Au7", potential, 1)
        more.setdefault("max_evaluations", 600)
        return Chains(kind, atoms, potential, temperatures=temperatures, **more)

    def test_threads_do_not_matter(self):
        found = []
        for threads in (1, 3):
            potential, rounds = gupta(), []
            potential.threads = threads
            chains = self.chains(potential)
            self.assertIs(chains.run(rounds.append), Status.MAX_EVALUATIONS)
            self.assertIn(len(rounds), (3, 4))
            self.assertLessEqual(rounds[-1].evaluations, 1800)
            self.assertEqual([p.evaluations for p in rounds[:2]], [600, 1200])
            self.assertEqual(rounds[-1]._replace(seconds=0), chains.progress._replace(seconds=0))
            found.append(chains.structure.positions.tobytes())
            self.assertEqual(chains.best.energy, chains.structure.energy)
            energies = [chain.best.energy for chain in chains.optimizers]
            self.assertEqual(min(energies), chains.structure.energy)
        self.assertEqual(found[0], found[1])

    def test_exchanges_have_an_effect(self):
        ends = []
        for interval in (100, 600):
            chains = self.chains(interval=interval)
            chains.run()
            ends.append([chain.best.positions.tobytes() for chain in chains.optimizers])
        self.assertNotEqual(*ends)
        alone = Structure.random("Ag6Au7", gupta(), 1)
        Optimizer("basin-hopping", alone, gupta(), temperature=0.2, seed=1,
                  max_evaluations=600).run()  # fmt: skip
        self.assertEqual(alone.positions.tobytes(), ends[1][0])

    def test_stop_and_go_on(self):
        whole = self.chains()
        whole.run()
        chains, rounds = self.chains(), []
        self.assertIs(chains.run(lambda p: rounds.append(p) or True), Status.STOPPED)
        self.assertEqual(len(rounds), 1)
        chains.run()
        self.assertEqual(
            chains.structure.positions.tobytes(), whole.structure.positions.tobytes()
        )
        chains.cancel()
        for chain in chains.optimizers:
            chain.set(max_evaluations=1000)
        self.assertIs(chains.run(), Status.STOPPED)
        chains.resume()
        self.assertIs(chains.run(), Status.MAX_EVALUATIONS)
        self.assertIs(chains.outcome, Status.MAX_EVALUATIONS)

    def test_saved_chains(self):
        whole = self.chains(max_evaluations=800)
        whole.run()
        chains = self.chains()
        chains.run()
        with tempfile.TemporaryDirectory() as folder:
            again = self.chains()
            for k, chain in enumerate(chains.optimizers):
                chain.save(f"{folder}/{k}")
                again.optimizers[k].load(f"{folder}/{k}")
                again.optimizers[k].set(max_evaluations=800)
        again.run()
        self.assertEqual(
            again.structure.positions.tobytes(), whole.structure.positions.tobytes()
        )

    def test_callables(self):
        potential = gupta()

        def evaluate(atoms):
            threads.add(threading.current_thread())
            energy = potential.evaluate(atoms)
            return energy, atoms.forces

        threads = set()
        mine = Potential.external(evaluate, **potential.scales("Ag")._asdict())
        mine.threads = 3
        self.assertIs(self.chains(mine).run(), Status.MAX_EVALUATIONS)
        self.assertEqual(threads, {threading.main_thread()})

        def fail(atoms):
            raise LookupError("mine")

        for problem in (self.chains(Potential.external(fail)).run,
                        lambda: self.chains().run(fail)):  # fmt: skip
            with self.assertRaisesRegex(LookupError, "mine"):
                problem()

    def test_minima(self):
        potential, seen = gupta(), []
        chains = self.chains(potential)
        for chain in chains.optimizers:
            chain.on_minimum = lambda s, p: seen.append(s.energy)
        chains.run()
        self.assertGreater(len(seen), 20)
        potential.threads = 2
        with self.assertRaisesRegex(hop.StateError, "threads"):
            chains.run()

    def test_search(self):
        potential = gupta()
        archive = Archive(5)
        found = hop.search(
            "Ag6Au7", potential, kind="basin-hopping", evaluations=1800, runs=2,
            temperatures=TEMPERATURES, archive=archive,
        )  # fmt: skip
        for run in found.runs:
            self.assertLessEqual(run.progress.evaluations, 1800)
            self.assertGreater(run.progress.evaluations, 1500)
            self.assertLessEqual(len(run.curve), 4)
            self.assertEqual(run.curve[-1][1], run.structure.energy)
        self.assertLess(archive[0].energy, found.best.energy + 1e-3)
        learned = hop.search("Ag6Au7", potential, evaluations=600, temperatures=(0.5, 1.0))
        self.assertLessEqual(learned.runs[0].progress.evaluations, 600)

    def test_errors(self):
        with self.assertRaisesRegex(hop.ArgumentError, "interval"):
            self.chains(interval=0).run()
        with self.assertRaisesRegex(hop.ArgumentError, "temperatures"):
            self.chains(temperatures=())
        with self.assertRaises(TypeError):
            self.chains(temperatures=("hot",))
        with self.assertRaisesRegex(TypeError, "temperature"):
            self.chains(temperature=1.0)
        with self.assertRaises(TypeError):
            self.chains().run(3)
        with self.assertRaisesRegex(hop.ArgumentError, "expected one or 2"):
            Chains("basin-hopping", [Structure("Ag2")], gupta(), temperatures=(1, 2))
        chains = self.chains()
        with self.assertRaises(hop.Error):
            chains.best
        self.assertIn("not finished", repr(chains))


class SavedRuns(unittest.TestCase):
    def test_resumed(self):
        potential = gupta()
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("basin-hopping", "learned", "lbfgs"):
                path, ends = Path(folder) / kind, []
                model = hop.Model.pretrained() if kind == "learned" else None

                def make(kind=kind, model=model):
                    atoms = Structure.random("Ag6Au7", potential, 1)
                    return Optimizer(kind, atoms, potential, model, max_evaluations=60)

                with self.assertRaises(hop.StateError):
                    make().save(path)
                whole = make()
                whole.run(lambda p: whole.save(path) if p.evaluations == 25 else None)
                ends.append(whole.structure.positions.tobytes())
                again = make()
                again.load(path)
                self.assertEqual(again.progress.evaluations, 25)
                again.run()
                ends.append(again.structure.positions.tobytes())
                self.assertEqual(ends[0], ends[1], kind)
                with self.assertRaises(hop.ArgumentError):
                    Optimizer("fire", whole.structure, potential).load(path)
            path.write_bytes(path.read_bytes()[:-20])
            with self.assertRaises(hop.CorruptError):
                make().load(path)


if __name__ == "__main__":
    unittest.main()
