/* cells: relaxing silicon, its cell fixed and free, beside LAMMPS from the same starts.
 *
 *   cells [--train] [--runs N] [--library liblammps.so] [--json FILE]
 *         [KIND[,OPTION=VALUE...]]...
 *
 * Starts are diamond, every coordinate moved by up to 0.2 angstrom, and amorphous silicon:
 * molten, cooled to 500 K, as it then moves.  For a free cell the diamond's is strained by
 * up to 3 per cent.  Done means: no force above 1e-3 eV/angstrom, and with a free cell no
 * principal stress above 1e-5 eV/angstrom^3 (1.6 MPa), for every program.
 *
 * LAMMPS prints forces and pressure after each iteration; the first iteration that is done
 * ends a second minimisation, whose evaluations are counted, and the one before the first
 * iteration too.  Its minimisers run with their defaults, fire with the best of three time
 * steps; the cell with fix box/relax tri, with the default vmax and the best of two more.
 * Only its conjugate gradients can move a cell.  --train has other systems: those on which
 * settings are chosen. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <hop.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 5000, LAMMPS_STEPS = 3000, RUNS = 64 };
#define FMAX 1e-3
#define SMAX 1e-5
#define BAR 1602176.634 /* of an eV/angstrom^3 */

static hop_context *context;

static void check(int status) {
    if (status < 0) {
        fprintf(stderr, "cells: %s\n", hop_error_message(context));
        exit(1);
    }
}

/* ---- starts ---- */

static const struct system {
    const char *name, *potential, *formula;
    double lattice; /* of a cubic cell of 8 (diamond) or 4 (face-centred) */
    int repeat, amorphous;
} test[] = {{"Si64", "Si.sw", "Si64", 5.431, 2, 0},
            {"Si216", "Si.sw", "Si216", 5.431, 3, 0},
            {"Si512", "Si.sw", "Si512", 5.431, 4, 0},
            {"a-Si64", "Si.sw", "Si64", 5.431, 2, 1},
            {"a-Si216", "Si.sw", "Si216", 5.431, 3, 1},
            {"a-Si512", "Si.sw", "Si512", 5.431, 4, 1},
            {0}},
  train[] = {{"Si8", "Si.sw", "Si8", 5.5, 1, 0},
             {"Si64+", "Si.sw", "Si64", 5.55, 2, 0},
             {"a-Si64+", "Si.sw", "Si64", 5.5, 2, 1},
             {"AgAu32", "AgAu-cutoff.gupta", "Ag16Au16", 4.1, 2, 0},
             {"AgAu256", "AgAu-cutoff.gupta", "Ag128Au128", 4.1, 4, 0},
             {0}};

static uint64_t stream;

static double uniform(void) { /* SplitMix64 (Steele et al. 2014) */
    uint64_t z = (stream += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double normal(void) {
    return sqrt(-2.0 * log(1.0 - uniform())) * cos(2.0 * M_PI * uniform());
}

static void lattice(const struct system *y, hop_structure *s) {
    static const double basis[8][3] = {
        {0, 0, 0},       {0, .5, .5},     {.5, 0, .5},     {.5, .5, 0},
        {.25, .25, .25}, {.25, .75, .75}, {.75, .25, .75}, {.75, .75, .25}};
    const int cells = y->repeat * y->repeat * y->repeat;
    const int atoms = (int)hop_structure_count(s) / cells;
    double *x = hop_structure_positions(s);
    for (int cell = 0; cell < cells; cell++)
        for (int b = 0; b < atoms; b++, x += 3) {
            x[0] = y->lattice * (cell % y->repeat + basis[b][0]);
            x[1] = y->lattice * (cell / y->repeat % y->repeat + basis[b][1]);
            x[2] = y->lattice * (cell / y->repeat / y->repeat + basis[b][2]);
        }
    for (int c = 0; c < 3; c++) {
        hop_structure_cell(s)[4 * c] = y->lattice * y->repeat;
        hop_structure_periodic(s)[c] = 1;
    }
}

/* Velocity Verlet with Langevin's heat bath, 2 fs: 4 ps at 3500 K, 16 ps of cooling. */
static void melt(hop_structure *s, hop_potential *potential) {
    const size_t n = 3 * hop_structure_count(s);
    const double unit = 28.0855 * 103.642696; /* mass in eV fs^2 / angstrom^2 */
    const double dt = 2.0, boltzmann = 8.617333e-5, keep = 0.98;
    const int steps = 10000, hot = 2000;
    double *x = hop_structure_positions(s), *f = hop_structure_forces(s);
    double *v = calloc(n, sizeof *v);
    check(hop_potential_evaluate(potential, s));
    for (int k = 0; k < steps; k++) {
        double t = k < hot ? 3500.0 : 3500.0 - 3000.0 * (k - hot) / (steps - hot);
        double noise = sqrt((1.0 - keep * keep) * boltzmann * t / unit);
        for (size_t a = 0; a < n; a++) {
            v[a] = keep * (v[a] + 0.5 * dt * f[a] / unit) + noise * normal();
            x[a] += dt * v[a];
        }
        check(hop_potential_evaluate(potential, s));
        for (size_t a = 0; a < n; a++)
            v[a] += 0.5 * dt * f[a] / unit;
    }
    free(v);
}

/* A lower triangular cell, as LAMMPS wants it. */
static void strain(hop_structure *s) {
    double d[9] = {0};
    for (int row = 0; row < 3; row++)
        for (int column = 0; column <= row; column++)
            d[3 * row + column] = (row == column) + 0.03 * (2.0 * uniform() - 1.0);
    for (size_t i = 0; i < hop_structure_count(s) + 3; i++) {
        double *v = i < 3 ? hop_structure_cell(s) + 3 * i
                          : hop_structure_positions(s) + 3 * (i - 3);
        double old[3] = {v[0], v[1], v[2]};
        for (int c = 0; c < 3; c++)
            v[c] = old[0] * d[c] + old[1] * d[3 + c] + old[2] * d[6 + c];
    }
}

static hop_structure *make_start(const struct system *y, hop_potential *potential,
                                 int free_cell, uint64_t seed) {
    hop_structure *s;
    check(hop_structure_random(context, y->formula, potential, seed, &s));
    stream = seed * 0x9e3779b97f4a7c15u;
    lattice(y, s);
    if (y->amorphous)
        melt(s, potential);
    for (size_t a = 0; a < 3 * hop_structure_count(s) && !y->amorphous; a++)
        hop_structure_positions(s)[a] += 0.2 * (2.0 * uniform() - 1.0);
    if (free_cell && !y->amorphous)
        strain(s);
    return s;
}

/* ---- what counts as done ---- */

static double largest_force(hop_structure *s) {
    double most = 0.0;
    const double *f = hop_structure_forces(s);
    for (size_t i = 0; i < hop_structure_count(s); i++, f += 3)
        most = fmax(most, f[0] * f[0] + f[1] * f[1] + f[2] * f[2]);
    return sqrt(most);
}

/* Largest principal value of xx yy zz yz xz xy: no eigenvalue of m beyond `limit` means
   that limit - m and limit + m are positive. */
static int positive(double limit, const double m[6], double sign) {
    const double a = limit + sign * m[0], b = limit + sign * m[1],
                 c = limit + sign * m[2];
    const double d = sign * m[3], e = sign * m[4], f = sign * m[5];
    return a > 0.0 && a * b - f * f > 0.0 &&
           a * (b * c - d * d) - f * (f * c - d * e) + e * (f * d - b * e) > 0.0;
}

static int below(double limit, const double stress[6]) {
    return positive(limit, stress, 1.0) && positive(limit, stress, -1.0);
}

/* ---- runs ---- */

typedef struct outcome {
    int calls, done;
    double energy;
} outcome;

static outcome run_hop(const char *kind, const hop_structure *from,
                       hop_potential *potential, int free_cell) {
    hop_structure *s;
    hop_optimizer *o;
    hop_progress p = {.size = sizeof p};
    char text[256], *save, *word;
    double stress[6];
    check(hop_structure_copy(from, &s));
    snprintf(text, sizeof text, "%s", kind);
    check(hop_optimizer_new(context, strtok_r(text, ",", &save), s, potential, &o));
    check(hop_optimizer_set(o, "max_evaluations", MOST));
    check(hop_optimizer_set(o, "fmax", FMAX));
    check(hop_optimizer_set(o, "smax", SMAX));
    check(hop_optimizer_set(o, "cell", free_cell));
    while ((word = strtok_r(NULL, ",", &save))) {
        char *value = strchr(word, '=');
        if (!value)
            exit(2);
        *value = '\0';
        check(hop_optimizer_set(o, word, atof(value + 1)));
    }
    int status = hop_optimizer_run(o, s, NULL, NULL);
    check(status);
    check(hop_optimizer_progress(o, &p));
    check(hop_potential_evaluate(potential, s)); /* not what the optimizer believes */
    check(hop_structure_stress(s, stress));
    outcome out = {(int)p.evaluations,
                   status == HOP_CONVERGED && largest_force(s) < FMAX &&
                       (!free_cell || below(SMAX, stress)),
                   *hop_structure_energy(s)};
    hop_optimizer_free(o);
    hop_structure_free(s);
    return out;
}

/* ---- LAMMPS ---- */

static struct {
    void *(*open)(int argc, char **argv, void **out);
    char *(*command)(void *lmp, const char *line);
    void (*create)(void *lmp, int n, int *id, int *type, double *x, double *v,
                   int *image, int shrink);
    void (*close)(void *lmp);
    int (*has_error)(void *lmp);
    int (*error)(void *lmp, char *buffer, int size);
} api;

static int load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *names[] = {"lammps_open_no_mpi",  "lammps_command",
                           "lammps_create_atoms", "lammps_close",
                           "lammps_has_error",    "lammps_get_last_error_message"};
    if (!library) {
        printf("LAMMPS: %s\n", dlerror());
        return 0;
    }
    for (size_t k = 0; k < 6; k++)
        if (!(((void **)&api)[k] = dlsym(library, names[k]))) {
            printf("LAMMPS: no %s in %s\n", names[k], path);
            return 0;
        }
    return 1;
}

static void say(void *lmp, const char *line) {
    char message[300] = "";
    api.command(lmp, line);
    if (api.has_error(lmp)) {
        api.error(lmp, message, sizeof message);
        fprintf(stderr, "cells: LAMMPS: %s: %s\n", line, message);
        exit(1);
    }
}

static void set_up(void *lmp, hop_structure *s, int free_cell, double vmax) {
    const int n = (int)hop_structure_count(s);
    const double *h = hop_structure_cell(s);
    char line[1024], silicon[512];
    int *type = malloc((size_t)n * sizeof *type);
    for (int i = 0; i < n; i++)
        type[i] = 1;
    say(lmp, "units metal");
    say(lmp, "atom_style atomic");
    say(lmp, "atom_modify map array sort 0 0");
    snprintf(line, sizeof line,
             free_cell ? "region box prism 0 %.17g 0 %.17g 0 %.17g %.17g %.17g %.17g"
                       : "region box block 0 %.17g 0 %.17g 0 %.17g",
             h[0], h[4], h[8], h[3], h[6], h[7]);
    say(lmp, line);
    say(lmp, "create_box 1 box");
    api.create(lmp, n, NULL, type, hop_structure_positions(s), NULL, NULL, 0);
    free(type);
    say(lmp, "mass 1 28.0855");
    say(lmp, "pair_style sw");
    if (!realpath("potentials/Si.sw", silicon))
        exit(1);
    snprintf(line, sizeof line, "pair_coeff * * %s Si", silicon);
    say(lmp, line);
    say(lmp, "neighbor 1.0 bin");
    say(lmp, "variable norm atom sqrt(fx^2+fy^2+fz^2)");
    say(lmp, "compute largest all reduce max v_norm");
    say(lmp, "thermo_style custom step pe c_largest pxx pyy pzz pyz pxz pxy");
    say(lmp, "thermo_modify norm no format float %22.15g");
    say(lmp, "thermo 1");
    if (free_cell) {
        snprintf(line, sizeof line, "fix cell all box/relax tri 0.0 vmax %g", vmax);
        say(lmp, line);
    }
}

/* The first step of the log that is done, -1: none; or the evaluations it tells. */
static int read_log(const char *log, int free_cell, double *energy, int *evaluations) {
    char line[1024];
    int first = -1;
    FILE *file = fopen(log, "r");
    while (file && fgets(line, sizeof line, file)) {
        double pe, force, p[6];
        int step;
        sscanf(line, " Iterations, force evaluations = %*d %d", evaluations);
        if (sscanf(line, "%d %lf %lf %lf %lf %lf %lf %lf %lf", &step, &pe, &force, p,
                   p + 1, p + 2, p + 3, p + 4, p + 5) != 9 ||
            first >= 0)
            continue;
        *energy = pe;
        for (int k = 0; k < 6; k++)
            p[k] /= BAR;
        if (force < FMAX && (!free_cell || below(SMAX, p)))
            first = step;
    }
    if (file)
        fclose(file);
    return first;
}

static int minimise(hop_structure *s, const char *style, int free_cell, double timestep,
                    double vmax, int steps, double *energy, int *evaluations) {
    char log[64] = "/tmp/cells-XXXXXX", line[256];
    char *arguments[] = {"cells", "-log", log, "-screen", "none", "-nocite"};
    int file = mkstemp(log);
    if (file < 0)
        exit(1);
    close(file);
    void *lmp = api.open(6, arguments, NULL);
    set_up(lmp, s, free_cell, vmax);
    snprintf(line, sizeof line, "timestep %g", timestep);
    say(lmp, line);
    snprintf(line, sizeof line, "min_style %s", style);
    say(lmp, line);
    say(lmp, "min_modify norm max");
    snprintf(line, sizeof line, "minimize 0.0 %g %d 100000", 0.2 * FMAX, steps);
    say(lmp, line);
    api.close(lmp);
    int first = read_log(log, free_cell, energy, evaluations);
    remove(log);
    return first;
}

static outcome run_lammps(const char *style, const hop_structure *from, int free_cell,
                          double timestep, double vmax) {
    hop_structure *s;
    outcome out = {MOST, 0, NAN};
    int evaluations = 0, again = 0;
    double unused;
    check(hop_structure_copy(from, &s));
    int first = minimise(s, style, free_cell, timestep, vmax, LAMMPS_STEPS, &out.energy,
                         &evaluations);
    if (first > 0) {
        minimise(s, style, free_cell, timestep, vmax, first, &unused, &again);
        out.calls = again + 1;
        out.done = 1;
    }
    hop_structure_free(s);
    return out;
}

/* ---- tables ---- */

static FILE *json;
static outcome reference[RUNS];

static double report(const char *program, const char *method, const char *system,
                     int free_cell, int runs, const outcome *o) {
    int failures = 0, lower = 0, higher = 0;
    double sum = 0.0, energy = 0.0;
    for (int r = 0; r < runs; r++) {
        double apart = o[r].energy - reference[r].energy;
        failures += !o[r].done;
        sum += o[r].calls;
        energy += o[r].energy / runs;
        lower += apart < -1e-4;
        higher += apart > 1e-4;
    }
    printf("%-10s %-34s %-8s %-5s %4d %8.1f %4d %14.5f %5d %6d\n", program, method,
           system, free_cell ? "free" : "fixed", runs, sum / runs, failures, energy,
           lower, higher);
    if (json)
        fprintf(
            json,
            "{\"program\": \"%s\", \"method\": \"%s\", \"system\": \"%s\", \"cell\": "
            "\"%s\", \"runs\": %d, \"mean\": %.2f, \"failures\": %d, \"energy\": %.6f, "
            "\"lower\": %d, \"higher\": %d}\n",
            program, method, system, free_cell ? "free" : "fixed", runs, sum / runs,
            failures, energy, lower, higher);
    fflush(stdout);
    return log(sum / runs);
}

static void measure_lammps(const struct system *y, int free_cell, int runs,
                           hop_structure **starts) {
    static const double timesteps[] = {0.001, 0.002, 0.004},
                        vmaxes[] = {1e-4, 1e-3, 1e-2};
    static outcome o[RUNS];
    char name[64];
    for (int k = 0; k < 3; k++) {
        if (k > 0 && !free_cell)
            break;
        for (int r = 0; r < runs; r++)
            o[r] = run_lammps("cg", starts[r], free_cell, 0.001, vmaxes[k]);
        snprintf(name, sizeof name, free_cell ? "cg, vmax %g" : "cg", vmaxes[k]);
        report("LAMMPS", name, y->name, free_cell, runs, o);
    }
    for (int k = 0; k < 3 && !free_cell; k++) {
        for (int r = 0; r < runs; r++)
            o[r] = run_lammps("fire", starts[r], free_cell, timesteps[k], 0);
        snprintf(name, sizeof name, "fire, timestep %g", timesteps[k]);
        report("LAMMPS", name, y->name, free_cell, runs, o);
    }
}

int main(int argc, char **argv) {
    static hop_structure *starts[RUNS];
    static outcome o[RUNS];
    const struct system *systems = test;
    const char *kinds[32] = {"lbfgs", "conjugate-gradient", "fire"}, *library = NULL;
    double product[32] = {0};
    int count = 0, runs = 10, used = 0, only = -1;
    check(hop_context_new(NULL, &context));
    for (int a = 1; a < argc; a++)
        if (strcmp(argv[a], "--train") == 0)
            systems = train;
        else if (a + 1 < argc && strcmp(argv[a], "--runs") == 0)
            runs = atoi(argv[++a]) < RUNS ? atoi(argv[a]) : RUNS;
        else if (a + 1 < argc && strcmp(argv[a], "--cell") == 0)
            only = atoi(argv[++a]);
        else if (a + 1 < argc && strcmp(argv[a], "--library") == 0)
            library = argv[++a];
        else if (a + 1 < argc && strcmp(argv[a], "--json") == 0)
            json = fopen(argv[++a], "w");
        else if (count < 32)
            kinds[count++] = argv[a];
    count = count ? count : 3;
    if (library && !load(library))
        library = NULL;
    printf("%-10s %-34s %-8s %-5s %4s %8s %4s %14s %5s %6s\n", "program", "method",
           "system", "cell", "runs", "calls", "fail", "energy", "lower", "higher");
    for (const struct system *y = systems; y->name; y++)
        for (int free_cell = 0; free_cell < 2; free_cell++) {
            hop_potential *potential;
            if (only >= 0 && only != free_cell)
                continue;
            check(hop_potential_builtin(context, y->potential, &potential));
            for (int r = 0; r < runs; r++)
                starts[r] =
                    make_start(y, potential, free_cell,
                               (systems == test ? 1000u : 500000u) + (uint64_t)r);
            for (int k = 0; k < count; k++) {
                for (int r = 0; r < runs; r++) {
                    o[r] = run_hop(kinds[k], starts[r], potential, free_cell);
                    if (k == 0)
                        reference[r] = o[r];
                }
                product[k] += report("libhop", kinds[k], y->name, free_cell, runs, o);
            }
            if (library && strcmp(y->potential, "Si.sw") == 0)
                measure_lammps(y, free_cell, runs, starts);
            used++;
            for (int r = 0; r < runs; r++)
                hop_structure_free(starts[r]);
            hop_potential_free(potential);
        }
    for (int k = 0; k < count && systems == train; k++)
        printf("%-34s geometric mean %.2f\n", kinds[k], exp(product[k] / used));
    if (json)
        fclose(json);
    hop_context_free(context);
    return 0;
}
