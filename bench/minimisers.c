/* minimisers: evaluations, failures and own time of the minimisers.
 *
 *   minimisers [--train] [--norm] [--runs FRACTION] [--json FILE] [--write DIRECTORY]
 *              [KIND[,OPTION=VALUE...]]...
 *
 * Without --train the systems are those on which other programs are compared: random
 * Lennard-Jones clusters as in OptBench's protocol, rattled silver clusters, rattled
 * silicon; with it, those on which settings are chosen.  --norm asks the norm of all
 * forces below fmax (OptBench's rule) in place of the largest.  --write puts the starts
 * into extended XYZ files for minimisers.py.  "own" is the time of an ask and a tell,
 * without the evaluation, from the same run replayed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <hop.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 10000, RUNS = 1000, KEPT = 400 };

static const struct system {
    const char *name, *potential, *formula, *start;
    double amplitude, fmax;
    int runs;
} test[] = {{"LJ38", "LJ.lj", "X38", "sphere", 0, 1e-2, 1000},
            {"Ag38", "Ag.gupta", "Ag38", "octahedron", 0.3, 1e-3, 200},
            {"Ag147", "Ag.gupta", "Ag147", "icosahedron", 0.3, 1e-3, 40},
            {"Si512", "Si.sw", "Si512", "diamond", 0.2, 1e-3, 8},
            {0}},
  train[] = {{"LJ13", "LJ.lj", "X13", "sphere", 0, 1e-2, 200},
             {"LJ26", "LJ.lj", "X26", "sphere", 0, 1e-2, 200},
             {"LJ55", "LJ.lj", "X55", "sphere", 0, 1e-2, 50},
             {"LJ75", "LJ.lj", "X75", "sphere", 0, 1e-2, 30},
             {"Cu13", "Cu.gupta", "Cu13", "random", 0, 1e-3, 200},
             {"Au38", "Au.gupta", "Au38", "random", 0, 1e-3, 60},
             {"Pt55", "Pt.gupta", "Pt55", "shaken", 0.8, 1e-3, 40},
             {"Al75", "Al.gupta", "Al75", "random", 0, 1e-3, 20},
             {"AgAu38", "AgAu.gupta", "Ag19Au19", "shaken", 1.0, 1e-3, 60},
             {"Ni38", "Ni.gupta", "Ni38", "octahedron", 0.25, 1e-3, 60},
             {"Pd147", "Pd.gupta", "Pd147", "icosahedron", 0.28, 1e-3, 15},
             {"Si64", "Si.sw", "Si64", "diamond", 0.25, 1e-3, 30},
             {"Si216", "Si.sw", "Si216", "diamond", 0.15, 1e-3, 8},
             {0}};

static hop_context *context;

static void check(int status) {
    if (status < 0) {
        fprintf(stderr, "minimisers: %s\n", hop_error_message(context));
        exit(1);
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- starts ---- */

static uint64_t stream;

static double uniform(void) { /* SplitMix64 (Steele et al. 2014) */
    uint64_t z = (stream += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double distance(const double *a, const double *b) {
    return sqrt(pow(a[0] - b[0], 2) + pow(a[1] - b[1], 2) + pow(a[2] - b[2], 2));
}

/* Uniform in a sphere of the cluster's own size, none closer than 0.7 sigma: SciPy's
   L-BFGS-B needs as many evaluations from here as from OptBench's starts. */
static void sphere(double *x, size_t n) {
    double radius =
        0.85 * 1.1224620483 * (1.0 + cbrt(3.0 * (double)n / (M_PI * sqrt(32))));
    const double origin[3] = {0, 0, 0};
    for (size_t i = 0; i < n;) {
    again:
        for (int c = 0; c < 3; c++)
            x[3 * i + c] = (2.0 * uniform() - 1.0) * radius;
        if (distance(x + 3 * i, origin) > radius)
            goto again;
        size_t j = 0;
        while (j < i && distance(x + 3 * i, x + 3 * j) > 0.7)
            j++;
        i += j == i;
    }
}

static void put(double *x, size_t *n, double a, double b, double c) {
    const double p[3] = {a, b, c};
    for (size_t i = 0; i < *n; i++)
        if (distance(p, x + 3 * i) < 1e-3)
            return;
    memcpy(x + 3 * (*n)++, p, sizeof p);
}

/* 38 atoms: face-centred sites round an octahedral hole. */
static size_t octahedron(double *x, double bond) {
    size_t n = 0;
    double h = bond / sqrt(2.0);
    for (int i = -2; i <= 2; i++)
        for (int j = -2; j <= 2; j++)
            for (int k = -2; k <= 2; k++)
                if ((i + j + k) & 1 && i * i + j * j + k * k <= 5)
                    put(x, &n, h * i, h * j, h * k);
    return n;
}

/* 147 atoms: three shells of Mackay's icosahedron. */
static size_t icosahedron(double *x, double bond) {
    const double g = 0.5 * (1.0 + sqrt(5.0));
    double v[12][3];
    size_t n = 0, m = 0;
    for (int axis = 0; axis < 3; axis++)
        for (int k = 0; k < 4; k++, m++) {
            v[m][axis] = 0.0;
            v[m][(axis + 1) % 3] = 0.5 * bond * (k & 1 ? 1 : -1);
            v[m][(axis + 2) % 3] = 0.5 * bond * g * (k & 2 ? 1 : -1);
        }
    put(x, &n, 0, 0, 0);
    for (int shell = 1; shell <= 3; shell++)
        for (int a = 0; a < 12; a++)
            for (int b = 0; b < a; b++)
                for (int c = 0; c < b; c++) {
                    double far = fmax(distance(v[a], v[b]),
                                      fmax(distance(v[a], v[c]), distance(v[b], v[c])));
                    for (int i = 0; i <= shell && far < 1.1 * bond; i++)
                        for (int j = 0; i + j <= shell; j++) {
                            int k = shell - i - j;
                            put(x, &n, i * v[a][0] + j * v[b][0] + k * v[c][0],
                                i * v[a][1] + j * v[b][1] + k * v[c][1],
                                i * v[a][2] + j * v[b][2] + k * v[c][2]);
                        }
                }
    return n;
}

static void diamond(hop_structure *s, double lattice) {
    static const double basis[8][3] = {
        {0, 0, 0},       {0, .5, .5},     {.5, 0, .5},     {.5, .5, 0},
        {.25, .25, .25}, {.25, .75, .75}, {.75, .25, .75}, {.75, .75, .25}};
    const int repeat = (int)lround(cbrt((double)hop_structure_count(s) / 8.0));
    double *x = hop_structure_positions(s);
    for (int cell = 0; cell < repeat * repeat * repeat; cell++)
        for (int b = 0; b < 8; b++, x += 3) {
            x[0] = lattice * (cell % repeat + basis[b][0]);
            x[1] = lattice * (cell / repeat % repeat + basis[b][1]);
            x[2] = lattice * (cell / repeat / repeat + basis[b][2]);
        }
    for (int c = 0; c < 3; c++) {
        hop_structure_cell(s)[4 * c] = lattice * repeat;
        hop_structure_periodic(s)[c] = 1;
    }
}

static void relax(hop_structure *s, hop_potential *potential) {
    hop_optimizer *o;
    check(hop_optimizer_new(context, "lbfgs", s, potential, &o));
    check(hop_optimizer_set(o, "fmax", 1e-6));
    check(hop_optimizer_run(o, s, NULL, NULL));
    hop_optimizer_free(o);
}

static hop_structure *make_start(const struct system *y, hop_potential *potential,
                                 uint64_t seed) {
    hop_structure *s;
    hop_scales scales = {.size = sizeof scales};
    check(hop_structure_random(context, y->formula, potential, seed, &s));
    double *x = hop_structure_positions(s);
    check(hop_potential_scales(potential, hop_structure_numbers(s)[0], &scales));
    stream = seed * 0x9e3779b97f4a7c15u;
    if (strcmp(y->start, "sphere") == 0)
        sphere(x, hop_structure_count(s));
    else if (strcmp(y->start, "octahedron") == 0)
        octahedron(x, scales.length);
    else if (strcmp(y->start, "icosahedron") == 0)
        icosahedron(x, scales.length);
    else if (strcmp(y->start, "diamond") == 0)
        diamond(s, 5.431);
    if (y->amplitude > 0.0) {
        relax(s, potential);
        for (size_t a = 0; a < 3 * hop_structure_count(s); a++)
            x[a] += y->amplitude * (2.0 * uniform() - 1.0);
    }
    return s;
}

/* ---- runs ---- */

static hop_optimizer *make_optimizer(const char *kind, const struct system *y, int norm,
                                     hop_structure *s, hop_potential *potential) {
    hop_optimizer *o;
    char text[256], *save, *word;
    snprintf(text, sizeof text, "%s", kind);
    check(hop_optimizer_new(context, strtok_r(text, ",", &save), s, potential, &o));
    check(hop_optimizer_set(o, "max_evaluations", MOST));
    check(hop_optimizer_set(o, "fmax", norm ? 1e6 : y->fmax));
    if (norm)
        check(hop_optimizer_set(o, "rms",
                                y->fmax / sqrt(3.0 * (double)hop_structure_count(s))));
    while ((word = strtok_r(NULL, ",", &save))) {
        char *value = strchr(word, '=');
        if (!value)
            exit(2);
        *value = '\0';
        check(hop_optimizer_set(o, word, atof(value + 1)));
    }
    return o;
}

static double *kept; /* energies and forces of a run, to be told again */

static int run(const char *kind, const struct system *y, int norm,
               const hop_structure *from, hop_potential *potential, double *energy) {
    hop_structure *s;
    check(hop_structure_copy(from, &s));
    hop_optimizer *o = make_optimizer(kind, y, norm, s, potential);
    const size_t n = 3 * hop_structure_count(s);
    int status, calls = 0;
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        hop_potential_evaluate(potential, s);
        if (calls < KEPT) {
            kept[(size_t)calls * (n + 1)] = *hop_structure_energy(s);
            memcpy(kept + (size_t)calls * (n + 1) + 1, hop_structure_forces(s),
                   n * sizeof(double));
        }
        check(hop_optimizer_tell(o, s));
        calls++;
    }
    *energy = *hop_structure_energy(s);
    hop_optimizer_free(o);
    hop_structure_free(s);
    return status == HOP_CONVERGED ? calls : -calls;
}

/* Seconds of the run's asks and tells alone, and of the whole run. */
static void time_run(const char *kind, const struct system *y, int norm,
                     const hop_structure *from, hop_potential *potential, int calls,
                     double *own, double *whole) {
    hop_structure *s;
    check(hop_structure_copy(from, &s));
    const size_t n = 3 * hop_structure_count(s);
    *own = *whole = INFINITY;
    for (int repeat = 0; repeat < 15; repeat++) {
        hop_optimizer *o = make_optimizer(kind, y, norm, s, potential);
        double began = now();
        for (int k = 0; k < calls; k++) {
            check(hop_optimizer_ask(o, s));
            *hop_structure_energy(s) = kept[(size_t)k * (n + 1)];
            memcpy(hop_structure_forces(s), kept + (size_t)k * (n + 1) + 1,
                   n * sizeof(double));
            check(hop_optimizer_tell(o, s));
        }
        *own = fmin(*own, now() - began);
        hop_optimizer_free(o);
        memcpy(hop_structure_positions(s),
               hop_structure_positions((hop_structure *)from), n * sizeof(double));
        began = now();
        o = make_optimizer(kind, y, norm, s, potential);
        check(hop_optimizer_run(o, s, NULL, NULL));
        *whole = fmin(*whole, now() - began);
        hop_optimizer_free(o);
        memcpy(hop_structure_positions(s),
               hop_structure_positions((hop_structure *)from), n * sizeof(double));
    }
    hop_structure_free(s);
}

static int ascending(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static double measure(const char *kind, const struct system *y, int norm,
                      double fraction, hop_structure **starts, hop_potential *potential,
                      FILE *json) {
    static int calls[RUNS];
    const int runs = (int)fmax(1.0, y->runs * fraction);
    int failures = 0, timed = 0;
    double sum = 0.0, energies = 0.0, own = NAN, whole = NAN;
    for (int r = runs - 1; r >= 0; r--) { /* the first start is the one that is timed */
        double energy;
        int c = run(kind, y, norm, starts[r], potential, &energy);
        failures += c < 0;
        calls[r] = abs(c);
        sum += calls[r];
        energies += energy;
        timed = c;
    }
    if (timed > 0 && timed <= KEPT)
        time_run(kind, y, norm, starts[0], potential, timed, &own, &whole);
    qsort(calls, (size_t)runs, sizeof *calls, ascending);
    printf("%-34s %-7s %5d %8.1f %6d %6d %6d %4d %12.4f %8.3f %9.4f\n", kind, y->name,
           runs, sum / runs, calls[runs / 2], calls[0], calls[runs - 1], failures,
           energies / runs, 1e6 * own / timed, 1e3 * whole);
    if (json) {
        fprintf(json,
                "{\"program\": \"libhop\", \"method\": \"%s\", \"system\": \"%s\", "
                "\"runs\": %d, \"mean\": %.2f, \"median\": %d, \"least\": %d, "
                "\"most\": %d, \"failures\": %d, \"energy\": %.6f",
                kind, y->name, runs, sum / runs, calls[runs / 2], calls[0],
                calls[runs - 1], failures, energies / runs);
        if (isfinite(own))
            fprintf(json, ", \"own_us\": %.4f, \"run_ms\": %.5f", 1e6 * own / timed,
                    1e3 * whole);
        fprintf(json, "}\n");
    }
    fflush(stdout);
    return sum / runs;
}

int main(int argc, char **argv) {
    const struct system *systems = test;
    const char *kinds[32] = {"lbfgs"}, *directory = NULL, *only = NULL;
    int norm = 0;
    size_t count = 0;
    double fraction = 1.0, product[32] = {0};
    FILE *json = NULL;
    check(hop_context_new(NULL, &context));
    for (int a = 1; a < argc; a++)
        if (strcmp(argv[a], "--train") == 0)
            systems = train;
        else if (strcmp(argv[a], "--norm") == 0)
            norm = 1;
        else if (a + 1 < argc && strcmp(argv[a], "--runs") == 0)
            fraction = atof(argv[++a]);
        else if (a + 1 < argc && strcmp(argv[a], "--only") == 0)
            only = argv[++a];
        else if (a + 1 < argc && strcmp(argv[a], "--json") == 0)
            json = fopen(argv[++a], "w");
        else if (a + 1 < argc && strcmp(argv[a], "--write") == 0)
            directory = argv[++a];
        else if (count < 32)
            kinds[count++] = argv[a];
    count += count == 0;
    kept = malloc(KEPT * (3 * 512 + 1) * sizeof *kept);
    printf("%-34s %-7s %5s %8s %6s %6s %6s %4s %12s %8s %9s\n", "optimizer", "system",
           "runs", "mean", "median", "least", "most", "fail", "energy", "own us",
           "run ms");
    int used = 0;
    for (const struct system *y = systems; y->name; y++) {
        static hop_structure *starts[RUNS];
        hop_potential *potential;
        if (only && !strstr(only, y->name))
            continue;
        const int runs = (int)fmax(1.0, y->runs * fraction);
        check(hop_potential_builtin(context, y->potential, &potential));
        for (int r = 0; r < runs; r++)
            starts[r] = make_start(y, potential,
                                   (systems == test ? 1000 : 500000) + (uint64_t)r);
        if (directory) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s.xyz", directory, y->name);
            check(hop_structure_write((const hop_structure *const *)starts,
                                      (size_t)runs, path));
        }
        for (size_t k = 0; k < count; k++)
            product[k] +=
                log(measure(kinds[k], y, norm, fraction, starts, potential, json));
        used++;
        for (int r = 0; r < runs; r++)
            hop_structure_free(starts[r]);
        hop_potential_free(potential);
    }
    for (size_t k = 0; k < count && systems == train; k++)
        printf("%-34s geometric mean %.2f\n", kinds[k], exp(product[k] / used));
    if (json)
        fclose(json);
    free(kept);
    hop_context_free(context);
    return 0;
}
