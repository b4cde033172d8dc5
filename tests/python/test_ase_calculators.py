"""hop.ase's calculators, held against what ASE expects of one."""

import copy
import os
import pickle
import tempfile
import unittest

import numpy as np
from support import ROOT, hop

try:
    import ase.build
    import ase.calculators.lj
    import ase.cluster
    import ase.db
    import ase.io
    from ase.calculators.calculator import PropertyNotImplementedError
    from hop.ase import Gupta, LennardJones, StillingerWeber
except ImportError:
    ase = None

try:
    from ase.calculators.fd import FiniteDifferenceCalculator
except ImportError:
    FiniteDifferenceCalculator = None


def rattled(atoms, size=0.1, seed=1):
    atoms.rattle(size, seed=seed)
    return atoms


def systems():
    """Name, atoms, calculator: a bulk, a slab, clusters."""
    silicon = rattled(ase.build.bulk("Si", cubic=True))
    sheared = silicon.copy()
    strain = np.eye(3) + 0.05 * np.random.default_rng(1).normal(size=(3, 3))
    sheared.set_cell(sheared.cell @ strain, scale_atoms=True)
    gold = rattled(ase.build.bulk("Au", cubic=True) * 2)
    gold.numbers[::3] = 47
    slab = rattled(ase.build.fcc111("Ag", (2, 2, 3), vacuum=6.0))
    cluster = rattled(ase.cluster.Octahedron("Ag", 3), 0.2)
    cluster.numbers[::2] = 79
    argon = rattled(ase.build.bulk("Ar", cubic=True) * 3, 0.2)
    return [
        ("silicon", silicon, StillingerWeber()),
        ("sheared silicon", sheared, StillingerWeber()),
        ("alloy crystal", gold, Gupta("AgAu", cutoff="third")),
        ("slab", slab, Gupta("AgAu-cutoff")),
        ("cluster", cluster, Gupta("AgAu")),
        ("argon", argon, LennardJones(epsilon=0.0104, sigma=3.4, cutoff=8.0)),
    ]


def numerical(atoms, evaluate, h):
    """Central differences of the energy by every coordinate, or by every strain."""
    slopes = []
    for change in evaluate(atoms):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            change(moved, sign * h)
            energies.append(moved.get_potential_energy())
        slopes.append((energies[0] - energies[1]) / (2 * h))
    return np.array(slopes)


def coordinates(atoms):
    def change(i, c):
        def move(moved, step):
            moved.positions[i, c] += step

        return move

    return [change(i, c) for i in range(len(atoms)) for c in range(3)]


def strains(atoms):
    def change(i, j):
        def move(moved, step):
            strain = np.eye(3)
            strain[i, j] += 0.5 * step
            strain[j, i] += 0.5 * step
            moved.set_cell(moved.cell @ strain, scale_atoms=True)

        return move

    order = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    return [change(i, j) for i, j in order]


@unittest.skipIf(ase is None, "ASE is not installed")
class Calculators(unittest.TestCase):
    def each(self):
        for _name, atoms, calculator in systems():
            atoms.calc = calculator
            yield atoms

    def test_numerical_forces(self):
        for atoms in self.each():
            some = atoms[:3]  # the same surface, fewer coordinates
            slopes = numerical(atoms, lambda a: coordinates(some), 1e-5)
            forces = atoms.get_forces()[:3].ravel()
            np.testing.assert_allclose(forces, -slopes, atol=2e-8)

    def test_numerical_stress(self):
        for atoms in self.each():
            if atoms.cell.rank < 3:
                with self.assertRaises(PropertyNotImplementedError):
                    atoms.get_stress()
                continue
            slopes = numerical(atoms, strains, 1e-5) / atoms.get_volume()
            np.testing.assert_allclose(atoms.get_stress(), slopes, atol=1e-9)

    @unittest.skipIf(FiniteDifferenceCalculator is None, "before ASE 3.24")
    def test_ase_checks_it_numerically(self):
        for atoms in self.each():
            if atoms.cell.rank < 3 or len(atoms) > 32:
                continue  # it wants a stress; each coordinate is moved
            forces, stress = atoms.get_forces(), atoms.get_stress()
            some = atoms.copy()
            some.calc = FiniteDifferenceCalculator(
                atoms.calc, eps_disp=1e-4, eps_strain=1e-5
            )
            np.testing.assert_allclose(forces, some.get_forces(), atol=1e-5)
            np.testing.assert_allclose(stress, some.get_stress(), atol=1e-6)

    def test_results_agree(self):
        for atoms in self.each():
            energy = atoms.get_potential_energy()
            self.assertEqual(atoms.get_potential_energy(force_consistent=True), energy)
            self.assertAlmostEqual(
                atoms.get_potential_energies().sum(), energy, delta=1e-11 * len(atoms)
            )
            self.assertEqual(atoms.get_forces().dtype, np.float64)
            self.assertLess(abs(atoms.get_forces().sum(axis=0)).max(), 1e-10)

    def test_against_ases_lennard_jones(self):
        atoms = rattled(ase.cluster.Icosahedron("Ar", 3), 0.1)
        atoms.calc = LennardJones(epsilon=0.0104, sigma=3.4)
        ours = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = ase.calculators.lj.LennardJones(
            epsilon=0.0104, sigma=3.4, rc=1000.0, ro=999.0
        )
        self.assertAlmostEqual(ours[0], atoms.get_potential_energy(), 10)
        np.testing.assert_allclose(ours[1], atoms.get_forces(), atol=1e-12)

    def test_caching(self):
        atoms = rattled(ase.cluster.Octahedron("Ag", 3))
        atoms.calc = calculator = Gupta("Ag")
        calls = []
        evaluate = calculator.calculate
        calculator.calculate = lambda *a, **k: (calls.append(1), evaluate(*a, **k))
        atoms.get_potential_energy()
        forces = atoms.get_forces()
        forces[...] = 0  # a copy
        self.assertNotEqual(abs(atoms.get_forces()).max(), 0)
        atoms.get_potential_energies()
        self.assertEqual(len(calls), 1)
        atoms.positions[0, 0] += 1e-12
        atoms.get_forces()
        self.assertEqual(len(calls), 2)
        atoms.set_initial_charges(np.ones(len(atoms)))
        atoms.get_forces()
        self.assertEqual(len(calls), 2, "charges do not matter")
        energy = atoms.get_potential_energy()
        atoms.numbers[0] = 79
        calculator.set(potential="AgAu")
        self.assertNotEqual(atoms.get_potential_energy(), energy)
        self.assertEqual(len(calls), 3)
        calculator.set(potential="AgAu")
        atoms.get_forces()
        self.assertEqual(len(calls), 3, "nothing was changed")

    def test_other_atoms(self):
        calculator = Gupta("AgAu")
        energies = []
        for formula in ("Ag13", "Ag6Au7", "Au38", "Ag13"):
            atoms = hop.Structure.random(formula, seed=1).to_ase()
            atoms.calc = calculator
            energies.append(atoms.get_potential_energy())
        self.assertEqual(energies[0], energies[3])
        self.assertEqual(len(set(energies)), 3)

    def test_parameters(self):
        self.assertEqual(Gupta("Ag").todict(), {"potential": "Ag"})
        self.assertEqual(StillingerWeber().todict(), {})
        self.assertEqual(Gupta("AgAu", threads=2).parameters["threads"], 2)
        self.assertEqual(Gupta("Ag").name, "gupta")
        with self.assertRaisesRegex(TypeError, "cutof'"):
            Gupta("Ag", cutof=(4.0, 5.0))
        atoms = ase.cluster.Octahedron("Ag", 3)
        silver = (2.8921, 10.85, 3.18, 0.1031, 1.1895)
        for calculator, text in (
            (Gupta("Agau"), "file or one of Ag, .* got 'Agau'"),
            (Gupta("Cu"), "Ag"),
            (Gupta("Ag", cutoff=5.0), r"cutoff: expected \(start, end\) in angstrom"),
            (Gupta("Ag", cutoff=(6, 5)), "^Gupta: expected rc_start below rc_end"),
            (Gupta(pairs={"Ag": silver}), "pairs"),
            (Gupta(pairs={"Ag-Ag": silver[:4]}), "^Gupta: expected 5 or 7 numbers"),
            (Gupta(pairs={"Au-Au": silver}), "^Gupta: expected parameters for Ag"),
            (Gupta("Ag", pairs={"Ag-Ag": silver}), "got potential and pairs"),
            (LennardJones(epsilon=1.0), "sigma"),
            (LennardJones("Ar", epsilon=1.0, sigma=1.0), "got potential and epsilon"),
            (LennardJones(epsilon=1, sigma=1, cutoff=3, style="hard"), "^LennardJones: .*hard"),
        ):
            atoms.calc = calculator
            with self.assertRaisesRegex(hop.Error, text):
                atoms.get_potential_energy()
        atoms = ase.build.bulk("Ag")
        for calculator, hint in (
            (Gupta("Ag"), 'give cutoff="third", or '),
            (LennardJones(), "give `cutoff`"),
        ):
            atoms.calc = calculator
            with self.assertRaisesRegex(hop.ArgumentError, "has no cut-off.*" + hint):
                atoms.get_potential_energy()
        self.assertEqual(repr(Gupta("Ag", threads=2)), "Gupta(potential='Ag', threads=2)")

    def test_cutoff_of_any_lennard_jones(self):
        atoms = rattled(ase.build.bulk("Ar", cubic=True) * 3, 0.1)
        energies = set()
        for parameters in (
            {},
            {"epsilon": 0.0104, "sigma": 3.4},
            {"pairs": {"Ar-Ar": (0.0104, 3.4)}},
        ):
            atoms.calc = LennardJones(cutoff=np.float64(7.5), style="shift", **parameters)
            energies.add(atoms.get_potential_energy())
        atoms.calc = LennardJones(pairs={"Ar-Ar": (0.0104, 3.4, 7.5, "shift")})
        energies.add(atoms.get_potential_energy())
        self.assertEqual(len(energies), 1)

    def test_the_elements_choose(self):
        atoms = hop.Structure.random("Ag6Au7", seed=1).to_ase()
        atoms.calc = Gupta()
        chosen = atoms.get_potential_energy()
        atoms.calc = Gupta("AgAu")
        self.assertEqual(chosen, atoms.get_potential_energy())
        atoms.calc = Gupta()
        atoms.numbers[atoms.numbers == 47] = 29
        copper = atoms.get_potential_energy()
        atoms.calc = Gupta("CuAu")
        self.assertEqual(copper, atoms.get_potential_energy())
        atoms.calc = Gupta()
        atoms.numbers[0] = 6
        with self.assertRaisesRegex(hop.ArgumentError, "C"):
            atoms.get_potential_energy()

    def test_parameters_as_numbers_and_files(self):
        atoms = hop.Structure.random("Ag6Au7", seed=1).to_ase()
        atoms.calc = Gupta("AgAu")
        energy = atoms.get_potential_energy()
        atoms.calc = Gupta(str(ROOT / "potentials" / "AgAu.gupta"))
        self.assertEqual(atoms.get_potential_energy(), energy)
        atoms.calc = Gupta(
            pairs={
                "Ag-Ag": (2.8921, 10.85, 3.18, 0.1031, 1.1895),
                "Au Au": (2.885, 10.139, 4.033, 0.2096, 1.8153),
                "Ag-Au": (2.8885, 10.494, 3.607, 0.1488, 1.4874),
            }
        )
        self.assertEqual(atoms.get_potential_energy(), energy)
        crystal = rattled(ase.build.bulk("Ag", cubic=True) * 2)
        crystal.calc = Gupta("AgAu-cutoff")
        energy = crystal.get_potential_energy()
        crystal.calc = Gupta("AgAu", cutoff=(4.09004704374, 5.00926414057))
        self.assertEqual(crystal.get_potential_energy(), energy)

    def test_pickle_and_copy(self):
        for atoms in self.each():
            forces = atoms.get_forces()
            for other in (pickle.loads(pickle.dumps(atoms)), copy.deepcopy(atoms)):
                self.assertTrue((other.get_forces() == forces).all())
                self.assertEqual(other.calc.parameters, atoms.calc.parameters)
                other.rattle(0.01, seed=2)
                self.assertFalse((other.get_forces() == forces).all())
            self.assertTrue((atoms.get_forces() == forces).all())

    def test_trajectory_and_database(self):
        with tempfile.TemporaryDirectory() as folder:
            for number, atoms in enumerate(self.each()):
                energy = atoms.get_potential_energy()
                atoms.get_forces()
                path = os.path.join(folder, f"{number}.traj")
                with ase.io.Trajectory(path, "w") as file:
                    file.write(atoms)
                again = ase.io.read(path)
                self.assertEqual(again.get_potential_energy(), energy)
                self.assertTrue((again.get_forces() == atoms.get_forces()).all())
                with ase.db.connect(os.path.join(folder, "all.db")) as database:
                    key = database.write(atoms)
                    row = database.get(key)
                self.assertEqual(row.energy, energy)
                self.assertEqual(row.calculator, atoms.calc.name)
                self.assertEqual(
                    {k: row.calculator_parameters[k] for k in atoms.calc.todict()}.keys(),
                    atoms.calc.todict().keys(),
                )

    def test_after_fork(self):
        atoms = rattled(ase.build.bulk("Si", cubic=True) * 4)
        atoms.calc = StillingerWeber(threads=2)
        forces = atoms.get_forces()
        child = os.fork()
        if child == 0:
            atoms.rattle(0.01, seed=3)
            changed = not (atoms.get_forces() == forces).all()
            os._exit(0 if changed else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_potential_is_at_hand(self):
        atoms = ase.cluster.Icosahedron("Ag", 2)
        atoms.calc = Gupta("Ag")
        self.assertEqual(atoms.calc.potential.kind, "gupta")


if __name__ == "__main__":
    unittest.main()
