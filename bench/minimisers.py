"""minimisers.py DIRECTORY [LIMIT]: other programs' minimisers from the same starts.

Reads the starts that bench/minimisers.c wrote into DIRECTORY and its libhop.json, runs ASE
and SciPy on libhop's own energies and forces, and LAMMPS' minimize on its own (Gupta as an
eam/alloy table), until the largest force on an atom is below the system's fmax.  Prints a
table and writes DIRECTORY/peers.json.  The energy says whether a method went to minima at
all: few calls with a high energy are a cluster that flew apart.  LIMIT starts of each
system, 20 without it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import hop
import numpy as np

SYSTEMS = {"Ag38": ("Ag.gupta", 1e-3), "Si512": ("Si.sw", 1e-3),
           "Ag147": ("Ag.gupta", 1e-3), "LJ38": ("LJ.lj", 1e-2)}
MOST = 10000


class Done(Exception):
    pass


class Counter:
    """Energy and forces of a start, counted; raises Done when converged."""

    def __init__(self, start: hop.Structure, potential: hop.Potential, fmax: float):
        self.structure, self.potential, self.fmax = start.copy(), potential, fmax
        self.calls, self.seconds = 0, 0.0

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        began = time.thread_time()
        self.structure.positions[:] = positions.reshape(-1, 3)
        self.potential.evaluate(self.structure)
        self.seconds += time.thread_time() - began
        self.calls += 1
        forces = self.structure.forces
        if np.sqrt((forces**2).sum(axis=1)).max() < self.fmax or self.calls >= MOST:
            raise Done
        return self.structure.energy, forces.copy()


def run_scipy(counter: Counter) -> None:
    from scipy.optimize import minimize

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        energy, forces = counter(x)
        return energy, -forces.ravel()

    minimize(function, counter.structure.positions.ravel(), jac=True, method="L-BFGS-B",
             options={"ftol": 0, "gtol": 1e-12, "maxiter": MOST, "maxfun": MOST})


def run_ase(name: str):
    def run(counter: Counter) -> None:
        import ase.optimize
        from ase.calculators.calculator import Calculator, all_changes

        class Hop(Calculator):
            implemented_properties = ["energy", "free_energy", "forces"]

            def calculate(self, atoms, properties, system_changes=all_changes):
                super().calculate(atoms, properties, system_changes)
                energy, forces = counter(atoms.get_positions())
                self.results = {"energy": energy, "free_energy": energy, "forces": forces}

        atoms = counter.structure.to_ase()
        atoms.calc = Hop()
        optimizer = getattr(ase.optimize, name)(atoms, logfile=None)
        optimizer.run(fmax=1e-9, steps=MOST)

    return run


METHODS = {"scipy L-BFGS-B": run_scipy}
for ase_name in ("FIRE", "FIRE2", "LBFGS", "BFGSLineSearch"):
    METHODS[f"ase {ase_name}"] = run_ase(ase_name)


def measure(method, starts, potential, fmax):
    calls, failures, seconds, energies = [], 0, [], []
    for start in starts:
        counter = Counter(start, potential, fmax)
        began = time.thread_time()
        try:
            method(counter)
            failures += 1  # ended by itself, short of fmax
        except Done:
            failures += counter.calls >= MOST
        except Exception as error:  # a peer's failure is a result
            print(f"  {type(error).__name__}: {error}", file=sys.stderr)
            failures += 1
        seconds.append(time.thread_time() - began)
        calls.append(counter.calls)
        energies.append(counter.structure.energy)
    return calls, failures, seconds, energies


# ---- LAMMPS ----

def gupta_table(path: Path, a=0.1028, p=10.928, q=3.139, xi=1.178, r0=2.8885,
                cutoff=30.0, points=30000) -> None:
    """Cleri and Rosato's silver as eam/alloy: F = -sqrt(rho), phi = 2 A exp(...)."""
    r = np.arange(points) * cutoff / points
    density = xi**2 * np.exp(-2.0 * q * (r / r0 - 1.0))
    pair = r * 2.0 * a * np.exp(-p * (r / r0 - 1.0))
    top = 120.0
    rho = np.arange(points) * top / points
    with path.open("w") as file:
        file.write("Gupta Ag\n\n\n1 Ag\n"
                   f"{points} {top / points:.17g} {points} {cutoff / points:.17g} {cutoff}\n"
                   "47 107.87 4.08 fcc\n")
        for column in (-np.sqrt(rho), density, pair):
            np.savetxt(file, column.reshape(-1, 5), fmt="%.16e")


def lammps_input(name: str, starts, style: str, fmax: float, folder: Path) -> str:
    lines = []
    for k, s in enumerate(starts):
        x, cell = s.positions, s.cell
        periodic = bool(s.pbc.all())
        size = np.diag(cell) if periodic else np.full(3, 200.0)
        shift = 0.0 if periodic else 100.0 - x.mean(axis=0)
        data = folder / f"{name}-{k}.data"
        with data.open("w") as file:
            file.write(f"start\n\n{len(s)} atoms\n1 atom types\n\n")
            for c, letter in enumerate("xyz"):
                file.write(f"0 {size[c]:.17g} {letter}lo {letter}hi\n")
            file.write("\nMasses\n\n1 1.0\n\nAtoms\n\n")
            for i, row in enumerate(np.mod(x + shift, size) if periodic else x + shift):
                file.write(f"{i + 1} 1 {row[0]:.17g} {row[1]:.17g} {row[2]:.17g}\n")
        pair = {
            "LJ38": "pair_style lj/cut 60.0\npair_coeff 1 1 1.0 1.0 60.0",
            "Si512": f"pair_style sw\npair_coeff * * {folder / 'Si.sw'} Si",
        }.get(name, f"pair_style eam/alloy\npair_coeff * * {folder / 'Ag.eam.alloy'} Ag")
        lines.append(f"""clear
units {"lj" if name == "LJ38" else "metal"}
atom_style atomic
atom_modify map array sort 0 0
boundary {"p p p" if periodic else "f f f"}
read_data {data}
{pair}
neighbor {"1.0" if periodic else "40.0"} bin
{"" if periodic else "comm_modify cutoff 80.0"}
thermo 100000
thermo_modify norm no
min_style {style}
min_modify norm max
minimize 0.0 {fmax} {MOST} {MOST}
""")
    return "\n".join(lines)


def run_lammps(name: str, starts, style: str, fmax: float, folder: Path):
    script = folder / f"{name}-{style}.in"
    script.write_text(lammps_input(name, starts, style, fmax, folder))
    began = time.perf_counter()
    done = subprocess.run(["lmp", "-in", str(script), "-log", "none"], text=True,
                          capture_output=True, check=False)
    seconds = time.perf_counter() - began
    evaluations = re.findall(r"Iterations, force evaluations = +\d+ +(\d+)", done.stdout)
    reasons = re.findall(r"Stopping criterion = (.*)", done.stdout)
    times = re.findall(r"Loop time of ([\d.e+-]+)", done.stdout)
    energies = re.findall(r"Energy initial, next-to-last, final = *\n +\S+ +\S+ +(\S+)",
                          done.stdout)
    if done.returncode or len(evaluations) != len(starts):
        print(f"  lmp ended with {done.returncode}: {(done.stderr or done.stdout)[-400:]}",
              file=sys.stderr)
    failures = sum(reason != "force tolerance" for reason in reasons)
    return ([int(e) for e in evaluations], failures,
            [float(t) for t in times] or [seconds], [float(e) for e in energies])


def main() -> None:
    folder = Path(sys.argv[1])
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    rows = [json.loads(line) for line in (folder / "libhop.json").read_text().splitlines()]
    gupta_table(folder / "Ag.eam.alloy")
    shutil.copy(Path(__file__).parent.parent / "potentials" / "Si.sw", folder)
    print(f"{'program and method':30} {'system':7} {'runs':>5} {'mean':>8} {'median':>7} "
          f"{'most':>6} {'fail':>4} {'energy':>12} {'ms':>9}")

    def report(method: str, system: str, result) -> None:
        calls, failures, seconds, energies = result
        if not calls:
            return
        row = {"program": method.split()[0], "method": method, "system": system,
               "runs": len(calls), "mean": float(np.mean(calls)),
               "median": float(np.median(calls)), "most": int(max(calls)),
               "failures": int(failures), "energy": float(np.mean(energies)),
               "run_ms": 1e3 * float(np.median(seconds))}
        rows.append(row)
        print(f"{method:30} {system:7} {row['runs']:5} {row['mean']:8.1f} "
              f"{row['median']:7.0f} {row['most']:6} {failures:4} {row['energy']:12.4f} "
              f"{row['run_ms']:9.3f}", flush=True)

    for row in rows:
        print(f"{'libhop ' + row['method']:30} {row['system']:7} {row['runs']:5} "
              f"{row['mean']:8.1f} {row['median']:7.0f} {row['most']:6} "
              f"{row['failures']:4} {row['energy']:12.4f} "
              f"{row.get('run_ms', float('nan')):9.3f}")
    for name, (file, fmax) in SYSTEMS.items():
        path = folder / f"{name}.xyz"
        if not path.exists():
            continue
        starts = []
        for frame in range(4 if name == "Si512" else limit):
            try:
                starts.append(hop.Structure.read(path, frame))
            except (hop.Error, EOFError, IndexError):
                break
        potential = hop.Potential.builtin(file)
        if shutil.which("lmp"):
            for style in ("cg", "fire", "quickmin"):
                report(f"lammps {style}", name,
                       run_lammps(name, starts, style, fmax, folder))
        for method, function in METHODS.items():
            report(method, name, measure(function, starts, potential, fmax))
    (folder / "peers.json").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
