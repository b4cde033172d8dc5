"""The programs, run as a user runs them: what they write, print and return.

BUILD is the folder they are in; only the standard library is needed.
"""

import json
import math
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("BUILD", ROOT / "build")).resolve()
ORACLE = ROOT / "tests" / "data" / "oracle"
PROGRAMS = ["hop-evaluate", "hop-relax", "hop-search", "hop-train", "hop-compare"]
OPTIMIZERS = ["gradient-descent", "adam", "fire", "fire2", "smooth-fire",
         "conjugate-gradient", "lbfgs", "basin-hopping", "learned",
         "learned-continuous"]
DIMER = "2\nProperties=species:S:1:pos:R:3\nAg 0 0 0\nAg 2.9 0.1 0.2\n"


def read_xyz(text):
    """Frames as (fields of the comment line, rows of words); not libhop's reader."""
    lines, frames = text.splitlines(), []
    while lines:
        count = int(lines[0])
        fields = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', lines[1])}
        frames.append((fields, [line.split() for line in lines[2 : 2 + count]]))
        lines = lines[2 + count :]
    return frames


def numbers(text):
    return [float(word) for word in text.split()]


def column(frame, name):
    """One column of a frame as a list of rows."""
    fields, rows = frame
    start = 0
    properties = fields["Properties"].split(":")
    for k in range(0, len(properties), 3):
        width = int(properties[k + 2])
        if properties[k] == name:
            return [[float(w) for w in row[start : start + width]] for row in rows]
        start += width
    raise KeyError(name)


def volume(cell):
    a, b, c = cell[0:3], cell[3:6], cell[6:9]
    return abs(
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("dimer.xyz", DIMER)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def run_program(self, line, code=0, timeout=120, **options):
        name, *arguments = line.split() if isinstance(line, str) else line
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run(
            [BUILD / name, *arguments],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            **options,
        )
        self.assertEqual(done.returncode, code, f"{line}\n{done.stdout}{done.stderr}")
        return done

    def fails(self, line, code, *words, **options):
        """It must fail, say why on stderr after its own name, and leave no file."""
        before = sorted(self.folder.iterdir())
        done = self.run_program(line, code, **options)
        name = line.split()[0]
        first = done.stderr.splitlines()[0] if done.stderr else ""
        self.assertRegex(first, rf"^({re.escape(name)}|{re.escape(str(BUILD / name))}): ")
        for word in words:
            self.assertIn(word, done.stderr, line)
        self.assertEqual(sorted(self.folder.iterdir()), before, line)
        if code == 2:
            self.assertIn("--help", done.stderr)
        return done

    def interrupt(self, line, number, seconds=0.7):
        """Start, send a signal after a while, return (exit code, stdout)."""
        process = subprocess.Popen(
            [BUILD / line.split()[0], *line.split()[1:]],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait_for_handler(process.pid, number)
        time.sleep(seconds)
        process.send_signal(number)
        try:
            out, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out

    def wait_for_handler(self, pid, number):
        """Until the program catches the signal; SIGKILL is never caught."""
        for _ in range(500 if number != signal.SIGKILL else 0):
            status = Path(f"/proc/{pid}/status").read_text()
            caught = int(re.search(r"SigCgt:\s+(\w+)", status)[1], 16)
            if caught >> (number - 1) & 1:
                return
            time.sleep(0.02)

    def no_temporary_files(self):
        self.assertEqual([p for p in self.folder.iterdir() if ".tmp" in p.name], [])


class Common(Case):
    def test_help_and_version(self):
        header = (ROOT / "include" / "hop.h").read_text()
        version = ".".join(
            re.search(rf"define HOP_VERSION_{part} (\d+)", header)[1]
            for part in ("MAJOR", "MINOR", "PATCH")
        )
        for name in PROGRAMS:
            done = self.run_program(f"{name} --help")
            self.assertTrue(done.stdout.startswith(f"Usage: {name} "), done.stdout)
            self.assertEqual(done.stderr, "")
            self.assertIn(version, self.run_program(f"{name} --version").stdout)

    def test_every_program_is_tested(self):
        here = sorted(p.stem for p in (ROOT / "examples").glob("hop-*.c"))
        self.assertEqual(here, sorted(PROGRAMS))

    def test_manuals_and_help_have_the_same_options(self):
        """Short and long name and argument, both ways; help comes from the option tables."""
        for name in PROGRAMS:
            text = self.run_program(f"{name} --help").stdout
            told = re.findall(r"(?m)^ +(?:-(.), +)?--([a-z-]+)(?:=(\S+))?(?: |$)", text)
            manual = (ROOT / "docs" / "man" / f"{name}.1").read_text()
            written = []
            for item in re.findall(r"(?m)^\.It (Fl .*)$", manual):
                item = item.replace("\\&", "").replace(" Ns = Ns Ar VALUE", "=VALUE")
                for option in item.split(" ; "):
                    match = re.fullmatch(
                        r"(?:Fl (\S) , )?Fl -([a-z-]+)(?: Ns = Ns Ar (\S+))?", option
                    )
                    self.assertIsNotNone(match, f"{name}.1: {item}")
                    written.append(tuple(group or "" for group in match.groups()))
            self.assertEqual(sorted(written), sorted(told), name)

    def test_manuals_are_well_formed(self):
        pages = sorted((ROOT / "docs" / "man").glob("*.1"))
        self.assertEqual([page.stem for page in pages], sorted(PROGRAMS))
        for page in pages:
            text = page.read_text()
            self.assertIn(f".Dt {page.stem.upper()} 1\n", text)
            sections = re.findall(r"(?m)^\.Sh (.*)$", text)
            self.assertEqual(
                sections,
                ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"],
            )
            others = re.findall(r"(?m)^\.Xr (hop-\w+) 1", text[text.index(".Sh SEE ALSO") :])
            self.assertEqual(others, sorted(set(PROGRAMS) - {page.stem}))
        if shutil.which("mandoc"):
            done = subprocess.run(
                ["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True
            )
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stdout)

    def test_usage_errors(self):
        for name in PROGRAMS:
            self.fails(f"{name}", 2)
            self.fails(f"{name} --nonsense", 2, "nonsense")
            self.fails(f"{name} a b c d", 2)
        search = "hop-search -p AgAu -F Ag4 -o o.xyz"
        self.fails(f"{search} dimer.xyz", 2)
        for bad in ("-n 0", "-n 1.5", "-n x", "-n nan", "-n 1e99", "-r 0", "-r 1.5", "-s -1"):
            self.fails(f"{search} {bad}", 2, "expected")
        self.fails(f"{search} -m simplex", 2, "simplex", *OPTIMIZERS)
        for bad in ("fmax", "fmax=", "fmax=x", "fmax=-1", "fmax=inf", "=1", "rate=1"):
            self.fails(f"{search} -m lbfgs -O {bad}", 2)
        self.fails("hop-relax -p AgAu dimer.xyz -o o.xyz -f 0", 2, "--fmax")
        compare = "hop-compare -p AgAu -F Ag4 -n 20 -r 1"
        for bad in ("simplex", "fire,simplex", "fire,", ",", "fire:rise=1", "fire:dt=99"):
            self.fails(f"{compare} -m {bad}", 2)
        self.fails(f"{compare} -m fire:polish=3", 2, "the same for all")
        self.fails(f"{compare} -m {','.join(['fire'] * 17)}", 2, "16")
        self.fails("hop-train t -o m.h5 --method magic", 2, "tbptt", "magic")
        self.fails(f"{compare} -m learned:model=m.h5", 2, "model=none", "--model")
        for bad in ("5x", "-3", "0", "m", "", "nan"):
            self.fails(f"hop-train t -o m.h5 --time={bad}", 2, "--time", "90s")
        self.fails(f"{search} -e never", 2, "--save-every", "90s")

    def test_runtime_errors(self):
        relax = "hop-relax -p AgAu -o o.xyz"
        for name, text in {
            "empty.xyz": "",
            "short.xyz": "3\n\nAg 0 0 0\nAg 1 0 0\n",
            "letters.xyz": "1\n\nAg 0 zero 0\n",
            "element.xyz": "1\n\nQq 0 0 0\n",
            "stranger.xyz": "2\n\nU 0 0 0\nU 3 0 0\n",
            "same.xyz": "2\n\nAg 0 0 0\nAg 0 0 0\n",
            "nan.xyz": "2\n\nAg 0 0 0\nAg nan 0 0\n",
            "flat.xyz": '1\nLattice="4 0 0 0 4 0 0 0 0" pbc="T T T"\nAg 0 0 0\n',
            "folder": None,
            "missing.xyz": None,
        }.items():
            if text is not None:
                self.write(name, text)
            elif name == "folder":
                (self.folder / name).mkdir()
            for program in ("hop-evaluate -p AgAu", relax, "hop-search -p AgAu -n 20 -o o.xyz"):
                self.fails(f"{program} {name}", 1)
        self.fails("hop-evaluate -p AgAu missing.xyz", 1, "missing.xyz", "No such file")
        self.fails("hop-evaluate -p AgAu short.xyz", 1, "short.xyz:")
        self.write("second.xyz", DIMER + "2\n\nAg 0 0 0\nAg 0 0 0\n")
        self.fails("hop-evaluate -p AgAu second.xyz", 1, "second.xyz: structure 2: ", "0 apart")
        self.fails("hop-evaluate -p AgAu stranger.xyz", 1, "U")
        for potential in ("Unobtainium", "missing.gupta", ".gupta", "folder"):
            self.fails(f"hop-evaluate -p {potential} dimer.xyz", 1, potential, "AgAu.gupta")
        self.write("bad.gupta", "# UNITS: metal CITATION: none\nAg Ag 1 2 3\n")
        self.fails("hop-evaluate -p bad.gupta dimer.xyz", 1, "bad.gupta:2", "5 or 7", "got 3")
        for name, text, words in (
            ("bare.gupta", "Ag Ag 2.9 10.8 3.2 0.1 1.2\n", ("bare.gupta:1", "UNITS: metal")),
            ("real.gupta", "# UNITS: real\nAg Ag 2.9 10.8 3.2 0.1 1.2\n", ("'real'",)),
            ("bare.lj", "Ag Ag 0.1 2.6\n", ("bare.lj:1", "UNITS: lj")),
            ("real.sw", "# UNITS: real\n", ("real.sw:1", "'real'")),
            ("short.sw", "# UNITS: metal\nAg Ag Ag 1 2 3\n", ("short.sw:2", "11 numbers")),
            ("other.pot", "# UNITS: metal\n", ("other.pot", ".gupta, .sw or .lj")),
        ):
            self.write(name, text)
            self.fails(f"hop-evaluate -p {name} dimer.xyz", 1, *words)
        self.fails("hop-search -p AgAu -F Zz4 -o o.xyz", 1, "Zz4")
        self.fails("hop-search -p AgAu -F Cu4 -o o.xyz", 1, "Cu")
        self.fails("hop-compare -p AgAu -F Cu4 -m fire", 1, "Cu")

    def test_output_is_checked_before_the_work(self):
        (self.folder / "folder").mkdir()
        for bad in ("nowhere/o.xyz", "folder", "/dev/null", "dimer.xyz/o.xyz"):
            self.fails(f"hop-relax -p AgAu dimer.xyz -o {bad}", 1, bad)
            done = self.fails(f"hop-search -p AgAu -F Ag4 -n 50 -o {bad}", 1, bad)
            self.assertEqual(done.stdout, "")
            for option in ("--plot", "--best"):
                line = f"hop-compare -p AgAu -F Ag4 -m fire -n 50 {option} {bad}"
                done = self.fails(line, 1, bad)
                self.assertEqual(done.stdout, "")
            self.fails(f"hop-train t -o {bad}", 1, bad)
        self.assertTrue(Path("/dev/null").is_char_device())

    def test_models(self):
        model = (ROOT / "models" / "metals.h5").read_bytes()
        relax = "hop-relax -p AgAu dimer.xyz -m learned -o o.xyz -M bad.h5"
        for name, data in {
            "empty": b"",
            "truncated": model[:-100],
            "head": model[:60],
            "altered": model[:-50] + bytes([model[-50] ^ 1]) + model[-49:],
            "other": b"not a model\n" * 100,
        }.items():
            (self.folder / "bad.h5").write_bytes(data)
            self.fails(relax, 1, "bad.h5")
            self.fails("hop-search -p AgAu -F Ag4 -n 20 -o o.xyz -m learned -M bad.h5", 1)
            self.fails("hop-compare -p AgAu -F Ag4 -n 20 -m learned -M bad.h5", 1)
        self.fails("hop-compare -p AgAu -F Ag4 -n 20 -m learned -M missing.h5", 1, "No such")
        self.fails("hop-relax -p AgAu dimer.xyz -m learned -o o.xyz -M missing", 1, "metals")

    def test_models_that_come_along(self):
        search = "hop-search -p AgAu -F Ag7 -n 200 -m learned -o o.xyz -M"
        by_path = self.run_program(f"{search} {ROOT}/models/metals.h5").stdout
        for name in ("metals", "metals.h5"):
            self.assertEqual(self.run_program(f"{search} {name}").stdout, by_path)
        self.write("metals", "mine")  # a file here comes first
        self.fails(f"{search} metals", 1, "metals:1")

    def test_options_are_listed(self):
        for kind in OPTIMIZERS:
            for program in ("hop-relax", "hop-search"):
                text = self.run_program(f"{program} --list-options {kind}").stdout
                self.assertRegex(text, r"(?m)^fmax +0\.01 +1e-12 to 1e\+06 +eV/A +converged")
                self.assertRegex(text, r"(?m)^target +none +any +eV ")
        self.assertRegex(self.run_program("hop-train -L").stdout, r"(?m)^updates +\d+ ")
        self.fails("hop-relax -L simplex", 2, "simplex")

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            for line in (
                "hop-evaluate -p AgAu dimer.xyz",
                "hop-relax -p AgAu dimer.xyz -o o.xyz",
                "hop-search -p AgAu -F Ag4 -n 20 -o o.xyz --json",
                "hop-compare -p AgAu -F Ag4 -n 20 -m fire",
            ):
                done = self.run_program(line, 1, stdout=full)
                self.assertIn("standard output cannot be written", done.stderr)

    def test_disk_fills_during_a_search(self):
        """Files up to 4 KiB can be written: the best structure, not what was found beside."""

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        line = "hop-search -p AgAu -F Ag13 -n 3000 -o best.xyz"
        good = self.run_program(f"{line} -a good.xyz").stdout
        for beside in ("-a a.xyz", "-t t.xyz", "-S state -e 0.01s", "-a a.xyz -t t.xyz"):
            (self.folder / "best.xyz").unlink(missing_ok=True)
            done = self.run_program(
                f"{line} {beside}", 1, preexec_fn=limit, restore_signals=False
            )
            self.assertEqual(done.stdout, good)
            self.assertEqual(len(read_xyz((self.folder / "best.xyz").read_text())), 1)
            for name in beside.split()[1::2][: 1 + beside.count(" -t")]:
                self.assertIn(f"{name}: cannot be written: File too large", done.stderr)
            self.assertLess(len(done.stderr.splitlines()), 6)

    def test_links_stay_links(self):
        self.write("real.xyz", "old")
        os.symlink("real.xyz", self.folder / "link.xyz")
        self.run_program("hop-relax -p AgAu dimer.xyz -o link.xyz")
        self.assertTrue((self.folder / "link.xyz").is_symlink())
        self.assertEqual(len(read_xyz((self.folder / "real.xyz").read_text())), 1)

    def test_progress_only_on_a_terminal(self):
        line = "hop-search -p AgAu -F Ag10Au10 -n 4000 -o o.xyz"
        self.assertEqual(self.run_program(line).stderr, "")
        try:
            master, slave = pty.openpty()
        except OSError as error:  # a container without pseudo-terminals
            self.skipTest(str(error))
        subprocess.run([BUILD / line.split()[0], *line.split()[1:]], cwd=self.folder,
                       stdout=subprocess.DEVNULL, stderr=slave, check=True, timeout=60)
        os.close(slave)
        text = os.read(master, 65536).decode()
        os.close(master)
        self.assertRegex(text, r"\r.*run 1/1 +\d+/4000 evaluations")
        self.assertTrue(text.endswith("\r\033[K"))


class Evaluate(Case):
    def test_reference_cases(self):
        """Energies, forces and stresses of LAMMPS, GMIN and ASE (tests/data/oracle)."""
        cases = (ORACLE / "cases.txt").read_text().split()
        for name, potential in zip(cases[::2], cases[1::2]):
            folder = ROOT / "potentials" if potential == "Si.sw" else ORACLE
            path = ORACLE / f"{name}.xyz"
            text = self.run_program(["hop-evaluate", "-p", folder / potential, path]).stdout
            (expected,), (got,) = read_xyz(path.read_text()), read_xyz(text)
            with self.subTest(name):
                self.compare(expected, got)
        self.assertEqual(len(cases), 160)

    def compare(self, expected, got):
        energy = float(expected[0]["energy"])
        self.assertLessEqual(abs(float(got[0]["energy"]) - energy), 1e-10 * abs(energy))
        self.assertEqual([r[0] for r in got[1]], [r[0] for r in expected[1]])
        self.assertEqual(column(got, "pos"), column(expected, "pos"))
        for a, b in zip(column(got, "forces"), column(expected, "forces")):
            for x, y in zip(a, b):
                self.assertLessEqual(abs(x - y), 1e-8)
        periodic = expected[0].get("pbc") == "T T T"
        self.assertEqual("stress" in got[0], periodic)
        if periodic:
            w, cell = numbers(expected[0]["virial"]), numbers(expected[0]["Lattice"])
            full = [w[k] for k in (0, 5, 4, 5, 1, 3, 4, 3, 2)]
            for x, y in zip(numbers(got[0]["stress"]), full):
                self.assertLessEqual(abs(x + y / volume(cell)), 1e-8)

    def test_dimer_by_hand(self):
        """The Gupta formula for two atoms, with the parameters of the file."""
        row = re.search(r"(?m)^Ag +Ag +(.*)$", (ROOT / "potentials" / "Ag.gupta").read_text())
        r0, p, q, a, xi = numbers(row[1])[:5]
        r = math.sqrt(2.9**2 + 0.1**2 + 0.2**2)
        u, v = a * math.exp(-p * (r / r0 - 1)), xi * math.exp(-q * (r / r0 - 1))
        text = self.run_program("hop-evaluate -p Ag dimer.xyz").stdout
        fields, _ = read_xyz(text)[0]
        self.assertAlmostEqual(float(fields["energy"]), 2 * u - 2 * v, 12)
        slope = (-2 * u * p + 2 * v * q) / r0
        forces = column(read_xyz(text)[0], "forces")
        for k, d in enumerate((2.9, 0.1, 0.2)):
            self.assertAlmostEqual(forces[0][k], slope * d / r, 12)
            self.assertAlmostEqual(forces[1][k], -slope * d / r, 12)

    def test_every_frame(self):
        other = DIMER.replace("2.9", "3.1")
        self.write("two.xyz", DIMER + other + DIMER)
        frames = read_xyz(self.run_program("hop-evaluate -p Ag two.xyz").stdout)
        energies = [float(f["energy"]) for f, _ in frames]
        self.assertEqual(len(energies), 3)
        self.assertEqual(energies[0], energies[2])
        self.assertNotEqual(energies[0], energies[1])
        self.write("bad.xyz", DIMER + "2\n\nAg 0 0 0\n")
        self.fails("hop-evaluate -p Ag bad.xyz", 1, "bad.xyz:")

    def test_a_folder_does_not_hide_a_builtin(self):
        (self.folder / "Ag").mkdir()
        self.run_program("hop-evaluate -p Ag dimer.xyz")

    def test_names_of_builtins(self):
        texts = {
            self.run_program(f"hop-evaluate -p {p} dimer.xyz").stdout
            for p in ("AgAu", "AgAu.gupta", str(ROOT / "potentials" / "AgAu.gupta"))
        }
        self.assertEqual(len(texts), 1)


class Relax(Case):
    def test_every_optimizer(self):
        self.run_program("hop-search -p AgAu -F Ag6Au7 -n 1 -m fire -o start.xyz")
        for kind in OPTIMIZERS:
            line = f"hop-relax -p AgAu -m {kind} -f 0.001 start.xyz -o {kind}.xyz --json"
            result = json.loads(self.run_program(line).stdout)
            with self.subTest(kind):
                frame = read_xyz((self.folder / f"{kind}.xyz").read_text())[0]
                largest = max(math.hypot(*f) for f in column(frame, "forces"))
                self.assertLessEqual(largest, 0.001)
                self.assertAlmostEqual(result["fmax"], largest, 8)
                self.assertEqual(result["energy"], float(frame[0]["energy"]))
                self.assertEqual(result["status"], "converged")
                again = self.run_program(f"hop-evaluate -p AgAu {kind}.xyz").stdout
                self.assertEqual(float(read_xyz(again)[0][0]["energy"]), result["energy"])
        self.no_temporary_files()

    def test_cell(self):
        basis = [(0, 0, 0), (0, .5, .5), (.5, 0, .5), (.5, .5, 0),
                 (.25, .25, .25), (.25, .75, .75), (.75, .25, .75), (.75, .75, .25)]
        rows = "".join("Si %.8f %.8f %.8f\n" % tuple(5.6 * c + 0.03 * (i % 3) for c in b)
                       for i, b in enumerate(basis))
        self.write("si.xyz", '8\nLattice="5.6 0 0 0.2 5.6 0 0 0 5.6" '
                   'Properties=species:S:1:pos:R:3 pbc="T T T"\n' + rows)
        line = "hop-relax -p Si si.xyz -f 1e-4 -O smax=1e-7 -o o.xyz --json"
        volumes = {}
        for extra in ("--cell", "--cell --pressure 2GPa", "-O cell=2 -P 0.0124830181"):
            result = json.loads(self.run_program(f"{line} {extra}").stdout)
            frame = read_xyz((self.folder / "o.xyz").read_text())[0]
            cell = [float(c) for c in frame[0]["Lattice"].split()]
            volume = abs(cell[0] * (cell[4] * cell[8] - cell[5] * cell[7])
                         - cell[1] * (cell[3] * cell[8] - cell[5] * cell[6])
                         + cell[2] * (cell[3] * cell[7] - cell[4] * cell[6]))
            pressure = 0.0124830181 if "2GPa" in extra or "-P" in extra else 0.0
            with self.subTest(extra):
                self.assertAlmostEqual(result["volume"], volume, 9)
                self.assertAlmostEqual(result["pressure"], pressure, 6)
                self.assertAlmostEqual(result["enthalpy"],
                                       result["energy"] + pressure * volume, 6)
                self.assertEqual(float(frame[0]["energy"]), result["energy"])
            volumes[extra] = volume
        self.assertAlmostEqual(volumes["--cell"], 5.4309497**3, 2)
        ratio = volumes["--cell --pressure 2GPa"] / volumes["--cell"]
        self.assertAlmostEqual(ratio, 1 - 2 / 101.4, 2)
        self.fails(f"{line} --pressure 1", 1, "pressure: ", "cell = 0")
        self.fails(f"{line} --cell --pressure 1kbar", 2, "1kbar")
        self.write("cluster.xyz", "2\n\nSi 0 0 0\nSi 2.3 0 0\n")
        self.fails(line.replace("si.xyz", "cluster.xyz") + " --cell", 1, "cluster")

    def test_dimer_goes_to_its_bond_length(self):
        self.run_program("hop-relax -p Ar.lj -f 1e-9 argon.xyz -o o.xyz".replace(
            "argon.xyz", self.write("argon.xyz", "2\n\nAr 0 0 0\nAr 4.3 0 0\n")))
        sigma = numbers(re.search(r"(?m)^Ar +Ar +([\d. e-]+)",
                                  (ROOT / "potentials" / "Ar.lj").read_text())[1])[1]
        rows = column(read_xyz((self.folder / "o.xyz").read_text())[0], "pos")
        distance = math.dist(rows[0], rows[1])
        self.assertLess(abs(distance / sigma - 2 ** (1 / 6)), 1e-4)

    def test_not_converged_is_an_error_that_keeps_the_best(self):
        self.run_program("hop-search -p AgAu -F Ag19Au19 -n 1 -m fire -o start.xyz")
        done = self.run_program("hop-relax -p AgAu start.xyz -n 5 -o o.xyz --json", 1)
        self.assertIn("evaluation limit", done.stderr)
        self.assertEqual(json.loads(done.stdout)["evaluations"], 5)
        self.assertEqual(len(read_xyz((self.folder / "o.xyz").read_text())[0][1]), 38)


    def test_trajectory(self):
        self.run_program("hop-relax -p Ag dimer.xyz -o out.xyz -t way.xyz")
        self.run_program("hop-relax -p Ag dimer.xyz -o out.xyz -t way.h5md")
        frames = read_xyz((self.folder / "way.xyz").read_text())
        done = self.run_program("hop-relax -p Ag dimer.xyz -o out.xyz --json")
        self.assertEqual(len(frames), json.loads(done.stdout)["evaluations"])
        steps = [int(fields["step"]) for fields, _ in frames]
        self.assertEqual(steps, list(range(1, len(frames) + 1)))
        energies = [float(fields["energy"]) for fields, _ in frames]
        self.assertAlmostEqual(min(energies), json.loads(done.stdout)["energy"], places=9)
        self.assertEqual((self.folder / "way.h5md").read_bytes()[:4], b"\x89HDF")
        self.fails("hop-relax -p Ag dimer.xyz -o o.xyz -t way.pdb", 1, "way.pdb", ".h5md")
        self.fails("hop-relax -p Ag dimer.xyz -o o.xyz -t no/way.h5", 1, "no/way.h5")

    def test_other_formats(self):
        shutil.copy(ORACLE / "gupta_cut_agau32_alloy.xyz", self.folder / "in.xyz")
        energies = []
        for source, target in (("in.xyz", "CONTCAR"), ("CONTCAR", "a.data"), ("a.data", "b.xyz")):
            done = self.run_program(f"hop-relax -p AgAu-cutoff {source} -o {target} --json")
            energies.append(json.loads(done.stdout)["energy"])
        self.assertAlmostEqual(energies[0], energies[1], places=6)
        self.assertAlmostEqual(energies[0], energies[2], places=6)
        self.assertEqual((self.folder / "CONTCAR").read_text().split("\n")[1], "1.0")
        self.assertIn("Atoms # atomic", (self.folder / "a.data").read_text())


class Search(Case):
    def test_runs_and_best(self):
        for kind in OPTIMIZERS:
            line = f"hop-search -p AgAu -F Ag4Au4 -n 400 -r 3 -s 5 -m {kind} -o o.xyz"
            result = json.loads(self.run_program(line + " --json").stdout)
            with self.subTest(kind):
                self.assertEqual(len(result["energies"]), 3)
                self.assertEqual(result["best"], min(result["energies"]))
                self.assertLessEqual(result["calls"], 1200)
                frame = read_xyz((self.folder / "o.xyz").read_text())[0]
                self.assertEqual(float(frame[0]["energy"]), result["best"])
                self.assertEqual(sorted(r[0] for r in frame[1]), ["Ag"] * 4 + ["Au"] * 4)
                text = self.run_program(line).stdout
                found = [float(e) for e in re.findall(r"(?m)^run .* energy (\S+)", text)]
                self.assertEqual(len(found), 3)
                for a, b in zip(found, result["energies"]):
                    self.assertAlmostEqual(a, b, 8)
        self.no_temporary_files()

    def test_seeds(self):
        def energies(seed, runs):
            line = f"hop-search -p AgAu -F Ag6 -n 60 -r {runs} -s {seed} -o o.xyz --json"
            return json.loads(self.run_program(line).stdout)["energies"]

        self.assertEqual(energies(3, 3)[1:], energies(4, 2))
        self.assertEqual(len(set(energies(3, 3))), 3)

    def test_lennard_jones_13(self):
        """The icosahedron, -44.326801 epsilon (Cambridge Cluster Database)."""
        line = "hop-search -p LJ -F X13 -n 6000 -r 2 -o o.xyz --json"
        result = json.loads(self.run_program(line).stdout)
        self.assertAlmostEqual(result["best"], -44.326801, 5)

    def test_from_a_file(self):
        self.run_program("hop-search -p AgAu dimer.xyz -n 200 -o o.xyz")
        self.assertEqual(len(read_xyz((self.folder / "o.xyz").read_text())[0][1]), 2)

    def archive(self, name):
        frames = read_xyz((self.folder / name).read_text())
        energies = [float(fields["energy"]) for fields, _ in frames]
        self.assertEqual(energies, sorted(energies))
        self.assertEqual(int(frames[0][0]["minima"]), len(frames))
        return frames, energies

    def test_archive_and_trajectory(self):
        search = "hop-search -p LJ -F X13 -n 3000 -o best.xyz -a all.xyz"
        self.run_program(search + " -r 2 -k 8 -t way.xyz")
        frames, energies = self.archive("all.xyz")
        # the icosahedron and the three above it (Hoare and McInnes 1976)
        for got, known in zip(energies, (-44.326801, -41.471980, -41.444597, -41.394398)):
            self.assertAlmostEqual(got, known, places=4)
        self.assertEqual(len(frames), 8)
        way = read_xyz((self.folder / "way.xyz").read_text())
        steps = [int(fields["step"]) for fields, _ in way]
        self.assertEqual(steps, sorted(set(steps)))
        self.assertGreater(steps[-1], 3000)
        added = int(frames[0][0]["quenches"])
        self.assertLessEqual(abs(added - len(way)), 4)  # some evaporate
        seen, first = int(frames[0][0]["seen"]), frames[0][0]["first_seed"]
        self.assertIn(first, ("1", "2"))
        self.run_program(search + " -s 3")
        frames, _ = self.archive("all.xyz")
        self.assertGreater(int(frames[0][0]["quenches"]), added)
        self.assertGreater(int(frames[0][0]["seen"]), seen)
        self.assertEqual(frames[0][0]["first_seed"], first)
        self.fails(search.replace("X13", "X14"), 1, "all.xyz", "expected 14 atoms, got 13")
        self.write("all.xyz", DIMER)
        self.fails(search, 1, "all.xyz:2", "hop_archive")

    def test_watching_changes_nothing(self):
        search = "hop-search -p AgAu -F Ag9Au9 -n 800 -o best.xyz --json"
        plain = self.run_program(search).stdout
        watched = self.run_program(search + " -a all.xyz -t way.h5").stdout
        self.assertEqual(plain, watched)

    def test_interrupted_search_keeps_the_best(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            line = f"hop-search -p AgAu -F Ag50Au50 -n 1000000000 -r 9 -o {code}.xyz --json"
            got, out = self.interrupt(line, number)
            self.assertEqual(got, code)
            best = json.loads(out)["best"]
            frame = read_xyz((self.folder / f"{code}.xyz").read_text())[0]
            self.assertEqual(float(frame[0]["energy"]), best)
        self.no_temporary_files()


    def test_killed_and_resumed(self):
        """A killed search goes on as if it had never stopped."""
        line = "hop-search -p AgAu -F Ag10Au10 -n {} -s 3 -o {}.xyz"
        state = self.folder / "run.state"
        name, *arguments = line.format(10**9, "none").split()
        command = [BUILD / name, *arguments, "--state", "run.state", "--save-every", "0.05"]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL) as running:
            for _ in range(1000):
                if state.exists():
                    break
                time.sleep(0.02)
            time.sleep(0.2)
            running.kill()
        again = line.format(400000, "again") + " --state run.state --resume"
        resumed = self.run_program(again).stdout
        whole = self.run_program(line.format(400000, "whole")).stdout
        self.assertEqual(resumed, whole)
        self.assertEqual((self.folder / "again.xyz").read_text(),
                         (self.folder / "whole.xyz").read_text())
        other = "hop-search -p AgAu -F Ag10Au9 -n 90 -o o.xyz --state run.state --resume"
        self.fails(other, 1, "19 atoms")
        self.fails("hop-search -p AgAu -F Ag4 -o o.xyz --resume", 2, "--state")
        self.fails("hop-search -p AgAu -F Ag4 -r 2 -o o.xyz --state f", 2, "one run")

    def test_stopped_and_resumed_records(self):
        """Archive and trajectory are those of the run that was not stopped."""
        line = "hop-search -p LJ -F X13 -s 3 -o o.xyz -n {} -a {}.xyz -t {}.h5 -k 10"
        name, *arguments = line.format(10**9, "part", "part").split()
        command = [BUILD / name, *arguments, "--state", "run.state", "--save-every", "0.05"]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL) as running:
            for _ in range(1000):
                if (self.folder / "run.state").exists():
                    break
                time.sleep(0.02)
            running.terminate()
        resume = " --state run.state --resume"
        self.run_program(line.format(100000, "part", "part") + resume)
        self.run_program(line.format(100000, "whole", "whole"))
        for kind in ("xyz", "h5"):
            part, whole = (self.folder / f"{x}.{kind}" for x in ("part", "whole"))
            if kind == "xyz":
                self.assertEqual(part.read_text(), whole.read_text())
            else:
                self.assertLess(abs(part.stat().st_size / whole.stat().st_size - 1), 0.1)
        self.fails(line.format(900, "c", "c") + " -c 2", 2, "follow one chain")

    def test_chains(self):
        """The same for any number of threads; the evaluations are shared."""
        line = "hop-search -p AgAu -F Ag10Au10 -n 9000 -c 3 -x 500 -o o.xyz --json -j "
        one = json.loads(self.run_program(line + "1").stdout)
        self.assertEqual(one, json.loads(self.run_program(line + "3").stdout))
        self.assertGreater(one["calls"], 8500)
        self.assertLessEqual(one["calls"], 9000)


class Compare(Case):
    LINE = "hop-compare -p AgAu --formula Ag4Au4 --evaluations 400 --runs 4 --seed 7"

    def test_json(self):
        names = "fire,basin-hopping,learned:model=none,learned:shake=0.2,temperature=0.01"
        line = f"{self.LINE} --optimizers {names} --json --model {ROOT}/models/metals.h5"
        done = self.run_program(line)
        self.assertEqual(done.stderr, "")
        result = json.loads(done.stdout)
        self.assertEqual(
            {k: result[k] for k in ("formula", "evaluations", "runs", "seed")},
            {"formula": "Ag4Au4", "evaluations": 400, "runs": 4, "seed": 7},
        )
        labels = [r["optimizer"] for r in result["results"]]
        self.assertEqual(labels, ["fire", "basin-hopping", "learned:model=none",
                                  "learned:shake=0.2:temperature=0.01"])
        lowest = min(r["best"] for r in result["results"])
        for r in result["results"]:
            e = sorted(r["energies"])
            self.assertEqual(len(e), 4)
            self.assertEqual(r["best"], e[0])
            self.assertAlmostEqual(r["mean"], sum(e) / 4, 10)
            self.assertAlmostEqual(r["median"], (e[1] + e[2]) / 2, 10)
            self.assertEqual(r["success"], sum(x <= lowest + 0.01 for x in e) / 4)
            low, high = r["success_interval"]
            self.assertTrue(0 <= low <= r["success"] <= high <= 1)
            self.assertTrue(0 < r["calls"] <= 1600)
            self.assertGreater(r["seconds"], 0)

    def test_wilson_interval(self):
        """0 of 4: upper bound z^2 / (n + z^2)."""
        done = self.run_program(f"{self.LINE} -m fire --target -1e6 --json")
        low, high = json.loads(done.stdout)["results"][0]["success_interval"]
        self.assertEqual(low, 0)
        self.assertAlmostEqual(high, 1.959964**2 / (4 + 1.959964**2), 5)

    def test_same_as_search(self):
        """A run of hop-compare is the run of hop-search of that seed."""
        for kind in ("lbfgs", "basin-hopping"):
            compare = json.loads(self.run_program(f"{self.LINE} -m {kind} --json").stdout)
            line = f"hop-search -p AgAu -F Ag4Au4 -n 400 -r 4 -s 7 -m {kind} -o o.xyz --json"
            search = json.loads(self.run_program(line).stdout)
            self.assertEqual(compare["results"][0]["energies"], search["energies"])
            self.assertEqual(compare["results"][0]["calls"], search["calls"])

    def test_table_plot_and_best(self):
        done = self.run_program(f"{self.LINE} -m fire,lbfgs --plot p.svg --best b.xyz")
        rows = done.stdout.splitlines()
        self.assertEqual([r.split()[0] for r in rows[2:]], ["optimizer", "fire", "lbfgs"])
        self.assertEqual(len({len(r) for r in rows[2:]}), 1, "columns are not aligned")
        tree = xml.etree.ElementTree.parse(self.folder / "p.svg").getroot()
        self.assertEqual(tree.tag, "{http://www.w3.org/2000/svg}svg")
        texts = ["".join(t.itertext()) for t in tree.iter("{http://www.w3.org/2000/svg}text")]
        for text in ("fire", "lbfgs", "force calls", "mean best energy (eV)", "Ag4Au4"):
            self.assertIn(text, texts)
        self.assertNotRegex((self.folder / "p.svg").read_text(), "nan|inf")
        best = float(read_xyz((self.folder / "b.xyz").read_text())[0][0]["energy"])
        lowest = min(float(r.split()[4]) for r in rows[3:])
        self.assertAlmostEqual(best, lowest, 5)
        self.no_temporary_files()

    def test_smallest(self):
        line = "hop-compare -p AgAu -F Ag2 -m fire,learned -n 1 -r 1 --plot p.svg --json"
        done = self.run_program(line)
        self.assertIn("no --model", done.stderr)
        for r in json.loads(done.stdout)["results"]:
            self.assertEqual(r["calls"], 1)
        self.assertNotRegex((self.folder / "p.svg").read_text(), "nan|inf")

    def test_interrupted(self):
        line = "hop-compare -p AgAu -F Ag50Au50 -n 1000000000 -r 9 -m fire"
        code, out = self.interrupt(f"{line} --best b.xyz --plot p.svg", signal.SIGINT)
        self.assertEqual((code, out), (130, ""))
        self.assertEqual(len(read_xyz((self.folder / "b.xyz").read_text())[0][1]), 100)
        self.assertFalse((self.folder / "p.svg").exists())


class Train(Case):
    SMALL = "--updates 60 -O batch=2 -O window=8 -O windows=2"

    def setUp(self):
        super().setUp()
        self.write("tasks", "# two\nAg.gupta Ag6 1\nCu.gupta Cu7 2\n")

    def train(self, name, extra=""):
        self.run_program(f"hop-train tasks -o {name} {self.SMALL} {extra}")
        self.assertFalse((self.folder / f"{name}.checkpoint").exists())
        return (self.folder / name).read_bytes()

    def test_same_bits(self):
        one = self.train("a.h5", "--seed 3")
        self.assertEqual(one, self.train("b.h5", "--seed 3 --threads 1"))
        self.assertNotEqual(one, self.train("c.h5", "--seed 4"))
        self.no_temporary_files()

    def test_model_is_used(self):
        self.train("a.h5")
        line = "hop-relax -p AgAu -m learned -f 1e-3 start.xyz -o o.xyz --json -O handover=0"
        self.run_program("hop-search -p AgAu -F Ag8 -n 1 -m fire -o start.xyz")
        trained = json.loads(self.run_program(line + " -M a.h5").stdout)
        plain = json.loads(self.run_program(line).stdout)
        self.assertNotEqual(trained["evaluations"], plain["evaluations"])

    def test_json_lines(self):
        done = self.run_program(f"hop-train tasks -o m.h5 {self.SMALL} --json")
        last = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((last["update"], last["updates"]), (60, 60))
        self.assertTrue(math.isfinite(last["loss"]))

    def test_killed_and_resumed_is_uninterrupted(self):
        long = "--updates 5000 -O batch=2 -O window=8 -O windows=2"
        self.run_program(f"hop-train tasks -o whole.h5 {long}")
        line = f"hop-train tasks -o part.h5 {long} --resume"
        part = self.folder / "part.h5"
        for kill in (0.4, 0.3, 0.5):
            code, _ = self.interrupt(f"{line} --checkpoint-interval 0.05", signal.SIGKILL, kill)
            self.assertEqual((code, part.exists()), (-signal.SIGKILL, False))
        self.assertTrue((self.folder / "part.h5.checkpoint").exists())
        self.assertNotIn("from scratch", self.run_program(line).stderr)
        self.assertEqual(part.read_bytes(), (self.folder / "whole.h5").read_bytes())

    def test_stopped_and_resumed_is_uninterrupted(self):
        whole = self.train("whole.h5")
        many = self.SMALL.replace("60", "1000000")
        code, _ = self.interrupt(f"hop-train tasks -o part.h5 {many}", signal.SIGTERM, 0.5)
        self.assertEqual(code, 143)
        self.assertFalse((self.folder / "part.h5").exists())
        self.assertTrue((self.folder / "part.h5.checkpoint").exists())
        self.run_program(f"hop-train tasks -o timed.h5 {many} --time 0.3s")
        self.assertTrue((self.folder / "timed.h5").exists())
        self.assertTrue((self.folder / "timed.h5.checkpoint").exists())
        self.run_program(f"hop-train tasks -o new.h5 --resume {self.SMALL}")
        self.assertEqual((self.folder / "new.h5").read_bytes(), whole)

    def test_bad_input(self):
        for text, word in {
            "": "bad",
            "Ag.gupta\n": "bad:1",
            "Ag.gupta Qq3\n": "Qq3",
            "Ag.gupta Cu3 1\n": "Cu",
            "Nope.gupta Ag3 1\n": "Nope",
            "Ag.gupta Ag3 -1\n": "bad:1",
            "Ag.gupta Ag3 1 2\n": "bad:1",
        }.items():
            self.write("bad", text)
            self.fails("hop-train bad -o m.h5", 1, word)
        self.fails("hop-train missing -o m.h5", 1, "missing")
        self.fails("hop-train tasks -o m.h5 -O batch=0", 2, "batch")
        self.fails("hop-train tasks -o m.h5 -O nonsense=1", 2, "nonsense", "batch")
        self.fails("hop-train tasks -o m.h5 --threads 0", 2, "--threads")
        self.fails("hop-train tasks -o m.h5 --updates x", 2, "updates")

    def test_method_of_a_checkpoint(self):
        """A resumed training needs no --method, refuses another, and says it in the note."""
        self.run_program("hop-train tasks -o m.h5 -m policy -n 4000 -t 1s -j 1")
        self.fails("hop-train tasks -o m.h5 -m tbptt --resume", 1, "policy")
        self.run_program("hop-train tasks -o m.h5 -n 1 --resume -j 1")
        self.assertIn(b"method: policy", (self.folder / "m.h5").read_bytes())

    RECIPE = """# three skills
tbptt tasks updates=40 batch=2 window=8 windows=2
policy tasks updates=30 batch=2 horizon=200  # hops
recall tasks updates=4 batch=2 horizon=300
"""

    def test_recipe(self):
        """Stages one after the other, resumed in any of them; the note tells of all."""
        self.write("recipe", self.RECIPE)
        done = self.run_program("hop-train --recipe recipe -o whole.h5 --seed 5")
        self.assertIn("stage 2 of 3: policy", done.stdout)
        whole = (self.folder / "whole.h5").read_bytes()
        for method in (b"tbptt", b"policy", b"recall"):
            self.assertIn(b"method: " + method, whole)
        self.assertEqual(whole.count(b"seed: 5"), 3)
        line = "hop-train --recipe recipe -o part.h5 --seed 5 --checkpoint-interval 0.01"
        self.run_program(line + " --time 0.02")
        for _ in range(200):
            if not list(self.folder.glob("part.h5*.checkpoint")):
                break
            done = self.run_program(line + " --time 0.02 --resume")
            self.assertNotIn("from scratch", done.stderr)
        self.assertEqual((self.folder / "part.h5").read_bytes(), whole)
        self.assertEqual(list(self.folder.glob("*.stage*")), [])
        self.no_temporary_files()
        done = self.run_program(line + " --time 0.02 --resume")
        self.assertIn("from scratch", done.stderr)

    def test_recipe_killed_between_stages(self):
        """A stage's checkpoint that outlived it is not taken for the next stage's."""
        stage = "tbptt tasks updates=3 batch=2\n"
        self.write("one", stage)
        self.write("two", stage + "tbptt tasks updates=4 batch=2\n")
        self.run_program("hop-train --recipe two -o whole.h5")
        self.run_program("hop-train --recipe one -o one.h5")
        self.run_program("hop-train tasks -o part.h5.stage1 -n 2 -O batch=2 -t 0.000001")
        self.assertTrue((self.folder / "part.h5.stage1.checkpoint").exists())
        os.replace(self.folder / "one.h5", self.folder / "part.h5.stage1")
        done = self.run_program("hop-train --recipe two -o part.h5 --resume")
        self.assertNotIn("stage 1 of 2", done.stdout)
        self.assertEqual(
            (self.folder / "part.h5").read_bytes(), (self.folder / "whole.h5").read_bytes()
        )
        self.assertEqual(list(self.folder.glob("*.stage*")), [])

    def test_recipe_begun_anew(self):
        """Without --resume nothing of an earlier training is used."""
        policy = "policy tasks updates=2 batch=2 horizon=100\n"
        self.write("recipe", "tbptt tasks updates=3 batch=2\n" + policy)
        self.run_program("hop-train --recipe recipe -o whole.h5 --seed 5")
        self.run_program("hop-train --recipe recipe -o old.h5 --seed 6")
        for stage in (1, 2, 16):
            old = (self.folder / "old.h5").read_bytes()
            (self.folder / f"new.h5.stage{stage}").write_bytes(old)
        self.run_program("hop-train --recipe recipe -o new.h5 --seed 5 --time 0.000001")
        self.run_program("hop-train --recipe recipe -o new.h5 --seed 5 --resume")
        self.assertEqual(
            (self.folder / "new.h5").read_bytes(), (self.folder / "whole.h5").read_bytes()
        )
        self.assertEqual(list(self.folder.glob("*.stage*")), [])

    def test_recipe_of_another_folder(self):
        """Task files are named from the recipe's folder; json lines tell of every stage."""
        (self.folder / "far").mkdir()
        self.write("far/tasks", "Ag.gupta Ag3 1\n")
        policy = "policy tasks updates=2 batch=2 horizon=100"
        self.write("far/recipe", "tbptt tasks updates=2 batch=2\n" + policy)
        done = self.run_program("hop-train --recipe far/recipe -o m.h5 --json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line["update"] for line in lines], [2, 2])
        note = (self.folder / "m.h5").read_bytes()
        self.assertEqual(note.count(b"tasks: far/tasks"), 2)

    def test_bad_recipe(self):
        for text, words in {
            "": ("bad", "stage"),
            "# nothing\n": ("bad", "stage"),
            "\ntbptt\n": ("bad:2", "METHOD TASKS"),
            "tbptt tasks updates\n": ("bad:1", "updates"),
            "tbptt tasks =3\n": ("bad:1", "=3"),
            "magic tasks\n": ("bad:1", "magic"),
            "tbptt nowhere updates=1\n": ("nowhere",),
            "tbptt tasks\n" * 17: ("bad:17", "16"),
            "tbptt tasks # " + 5000 * "x": ("bad:1", "4094"),
        }.items():
            self.write("bad", text)
            self.fails("hop-train --recipe bad -o m.h5", 1, *words)
        # the last stage is looked at before the first is trained
        first = "tbptt tasks updates=1000000\n"
        self.write("bad", first + "policy nowhere\n")
        self.fails("hop-train --recipe bad -o m.h5", 1, "nowhere")
        self.write("bad", first + "\npolicy tasks windows=3\n")
        self.fails("hop-train --recipe bad -o m.h5", 2, "bad:3", "windows", "horizon")
        self.write("bad", first + "policy tasks\n")
        self.fails("hop-train --recipe bad -o m.h5 -O windows=9", 2, "bad:2", "windows")
        self.fails("hop-train --recipe bad -o m.h5 -O horizon=9", 2, "bad:1", "horizon")
        self.fails("hop-train --recipe bad -o bad", 1, "bad", "replaced")
        self.fails("hop-train tasks -o tasks", 1, "tasks", "replaced")
        self.fails("hop-train --recipe missing -o m.h5", 1, "missing")
        self.fails("hop-train --recipe tasks -o m.h5 -m policy", 2, "--method")

    def test_damaged_checkpoint(self):
        self.run_program(f"hop-train tasks -o m.h5 --time 0.2 {self.SMALL.replace('60', '99999')}")
        checkpoint = self.folder / "m.h5.checkpoint"
        data = checkpoint.read_bytes()
        model = (self.folder / "m.h5").read_bytes()
        line = f"hop-train tasks -o m.h5 --resume {self.SMALL}"
        for bad in (b"", data[:-1], data[: len(data) // 2], model):
            checkpoint.write_bytes(bad)
            self.fails(line, 1, "m.h5.checkpoint")
        self.assertEqual((self.folder / "m.h5").read_bytes(), model)


if __name__ == "__main__":
    unittest.main(verbosity=2)
