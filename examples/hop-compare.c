/* hop-compare: optimizers side by side, from the same random starts, each charged every
 * energy-and-forces evaluation. */
#include <argp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/common.h"
#include "common/plot.h"

enum { MOST = 16, POINTS = 60 };

static struct {
    const char *potential, *formula, *model, *plot, *best;
    char *names;
    double evaluations, seed, tolerance, target;
    int runs;
    bool json;
} a = {.evaluations = 10000, .seed = 1, .runs = 8, .tolerance = 0.01, .target = NAN};

static const struct argp_option options[] = {
    {"potential", 'p', "POTENTIAL", 0, "Parameter file or built-in name", 0},
    {"formula", 'F', "FORMULA", 0, "Cluster, such as Ag19Au19", 0},
    {"optimizers", 'm', "A,B,...", 0,
     "Optimizers; options as NAME:OPTION=VALUE:..., learned:model=none is the "
     "untrained "
     "learned optimizer",
     0},
    {"evaluations", 'n', "B", 0, "Energy-and-forces evaluations of each run (10000)",
     0},
    {"runs", 'r', "R", 0, "Runs, each from its own start (8)", 0},
    {"seed", 's', "S", 0, "Seed of the first run (1)", 0},
    {"model", 'M', "MODEL", 0, "Weights for the learned optimizers: a file, or metals",
     0},
    {"tolerance", 't', "E", 0, "A success is within E eV of the best (0.01)", 0},
    {"target", 'T', "E", 0, "... of this energy instead of the best that was found", 0},
    {"plot", 'P', "OUT.svg", 0, "Plot of mean best energy against force calls", 0},
    {"best", 'b', "BEST.xyz", 0, "Best structure of all runs", 0},
    {"json", 'J', 0, 0, "Print one JSON object", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case 'p': a.potential = arg; break;
    case 'F': a.formula = arg; break;
    case 'm': a.names = arg; break;
    case 'n': a.evaluations = parse_count("--evaluations", arg, 1, 1e15); break;
    case 'r': a.runs = (int)parse_count("--runs", arg, 1, 1e6); break;
    case 's': a.seed = parse_count("--seed", arg, 0, 9e15); break;
    case 'M': a.model = arg; break;
    case 't': a.tolerance = parse_number("--tolerance", arg, 0, 1e6); break;
    case 'T': a.target = parse_number("--target", arg, -1e15, 1e15); break;
    case 'P': a.plot = arg; break;
    case 'b': a.best = arg; break;
    case 'J': a.json = true; break;
    case ARGP_KEY_ARG: argp_error(state, "unexpected argument '%s'", arg); break;
    case ARGP_KEY_END:
        if (!a.potential || !a.formula || !a.names)
            argp_error(state, "expected -p POTENTIAL, --formula and --optimizers");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

typedef struct result {
    char *name;
    double *energy; /* of each run */
    double *trace;  /* runs x POINTS: best energy after grid[k] calls */
    double mean, error, median, best, seconds;
    double curve[POINTS], band[POINTS];
    int hits;
    int64_t calls;
} result;

typedef struct watch {
    const result *r;
    double *trace;
    int run, next;
    const double *grid;
} watch;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int progress(void *user, const hop_progress *p) {
    watch *w = user;
    while (w->next < POINTS && (double)p->evaluations >= w->grid[w->next])
        w->trace[w->next++] = p->best_energy;
    if (p->evaluations % 500 == 0)
        show_progress("%s  run %d/%d  %lld evaluations  best %.5f", w->r->name,
                      w->run + 1, a.runs, (long long)p->evaluations, p->best_energy);
    return 0;
}

static int by_value(const void *left, const void *right) {
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

static void summarise(result *r, int runs) {
    double sum = 0.0, square = 0.0;
    double *sorted = malloc((size_t)runs * sizeof *sorted);
    if (!sorted)
        fail("out of memory");
    memcpy(sorted, r->energy, (size_t)runs * sizeof *sorted);
    qsort(sorted, (size_t)runs, sizeof *sorted, by_value);
    r->median = 0.5 * (sorted[(runs - 1) / 2] + sorted[runs / 2]);
    r->best = sorted[0];
    free(sorted);
    for (int k = 0; k < runs; k++)
        sum += r->energy[k] / runs;
    for (int k = 0; k < runs; k++)
        square += (r->energy[k] - sum) * (r->energy[k] - sum);
    r->mean = sum;
    r->error = runs > 1 ? sqrt(square / (runs - 1) / runs) : 0.0;
    for (int i = 0; i < POINTS; i++) {
        double mean = 0.0, spread = 0.0;
        for (int k = 0; k < runs; k++)
            mean += r->trace[k * POINTS + i] / runs;
        for (int k = 0; k < runs; k++)
            spread += pow(r->trace[k * POINTS + i] - mean, 2.0);
        r->curve[i] = mean;
        r->band[i] = runs > 1 ? sqrt(spread / (runs - 1) / runs) : 0.0;
    }
}

/* Wilson's interval at 95 %. */
static void wilson(int hits, int runs, double interval[2]) {
    const double z = 1.959963984540054, n = runs, p = hits / n;
    double centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    double half =
        z / (1.0 + z * z / n) * sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    interval[0] = fmax(0.0, centre - half);
    interval[1] = fmin(1.0, centre + half);
}

/* The same terms for all: starts, seeds, budget, and a last share of it for relaxing. */
static hop_optimizer *prepare(hop_context *context, hop_potential *potential,
                              hop_model *model, const char *name, uint64_t seed,
                              hop_structure **s) {
    char spec[1024];
    snprintf(spec, sizeof spec, "%s", name);
    for (char *c = strchr(spec, ':'); c && (c = strchr(c + 1, ':'));)
        *c = ','; /* name:a=1:b=2 -> name:a=1,b=2 */
    check(context, hop_structure_random(context, a.formula, potential, seed, s));
    hop_optimizer *o = make_optimizer(context, spec, *s, potential, model);
    check(context, hop_optimizer_set(o, "quenches", 0));
    check(context,
          hop_optimizer_set(o, "polish", fmin(60.0, floor(a.evaluations / 4))));
    check(context, hop_optimizer_set(o, "max_evaluations", a.evaluations));
    check(context, hop_optimizer_set(o, "seed", (double)seed));
    return o;
}

static void write_best(hop_context *context, hop_potential *potential,
                       hop_structure *best) {
    const hop_structure *one = best;
    check(context, hop_potential_evaluate(potential, best));
    check(context, hop_structure_write(&one, 1, a.best));
}

static void run_all(hop_context *context, hop_potential *potential, hop_model *model,
                    result *r, const double *grid, hop_structure **best) {
    for (int run = 0; run < a.runs && !interrupted(); run++) {
        hop_structure *s;
        const uint64_t seed = (uint64_t)a.seed + (uint64_t)run;
        hop_optimizer *o = prepare(context, potential, model, r->name, seed, &s);
        watch w = {r, r->trace + run * POINTS, run, 0, grid};
        double began = now();
        int status = hop_optimizer_run(o, s, progress, &w);
        r->seconds += now() - began;
        check(context, status);
        r->energy[run] = *hop_structure_energy(s);
        while (w.next < POINTS)
            w.trace[w.next++] = r->energy[run];
        hop_progress p = {.size = sizeof p};
        hop_optimizer_progress(o, &p);
        r->calls += p.evaluations;
        hop_optimizer_free(o);
        bool better = !*best || r->energy[run] < *hop_structure_energy(*best);
        hop_structure_free(better ? *best : s);
        *best = better ? s : *best;
    }
    clear_progress();
}

static void print_table(const result *r, int count, double reference) {
    printf(
        "%s, %.0f force calls a run, %d run%s; success: within %g eV of %s, %.6f\n\n",
        a.formula, a.evaluations, a.runs, a.runs == 1 ? "" : "s", a.tolerance,
        isnan(a.target) ? "the lowest found" : "the target", reference);
    int wide = 13;
    for (int k = 0; k < count; k++)
        wide = (int)strlen(r[k].name) > wide ? (int)strlen(r[k].name) : wide;
    printf("%-*s %12s %8s %12s %12s %20s %10s %8s\n", wide, "optimizer", "mean (eV)",
           "+-", "median", "best", "success (95 %)", "calls", "seconds");
    for (int k = 0; k < count; k++) {
        double i[2];
        char success[64];
        wilson(r[k].hits, a.runs, i);
        snprintf(success, sizeof success, "%d/%d (%.2f-%.2f)", r[k].hits, a.runs, i[0],
                 i[1]);
        printf("%-*s %12.5f %8.5f %12.5f %12.5f %20s %10lld %8.2f\n", wide, r[k].name,
               r[k].mean, r[k].error, r[k].median, r[k].best, success,
               (long long)r[k].calls, r[k].seconds);
    }
}

static void print_json(const result *r, int count) {
    char n[32];
    printf("{\"formula\": \"%s\", \"evaluations\": %.0f, \"runs\": %d, \"seed\": %.0f, "
           "\"results\": [",
           a.formula, a.evaluations, a.runs, a.seed);
    for (int k = 0; k < count; k++) {
        double i[2];
        wilson(r[k].hits, a.runs, i);
        printf("%s{\"optimizer\": \"%s\"", k > 0 ? ", " : "", r[k].name);
        printf(", \"mean\": %s", json_number(r[k].mean, n));
        printf(", \"median\": %s", json_number(r[k].median, n));
        printf(", \"best\": %s, \"energies\": [", json_number(r[k].best, n));
        for (int j = 0; j < a.runs; j++)
            printf("%s%s", j > 0 ? ", " : "", json_number(r[k].energy[j], n));
        printf("], \"success\": %.6g, \"success_interval\": [%.6g, %.6g], \"calls\": "
               "%lld, "
               "\"seconds\": %.6g}",
               (double)r[k].hits / a.runs, i[0], i[1], (long long)r[k].calls,
               r[k].seconds);
    }
    printf("]}\n");
}

static void try_name(hop_context *context, hop_potential *potential, hop_model *model,
                     const char *name) {
    hop_structure *s;
    hop_optimizer_free(prepare(context, potential, model, name, (uint64_t)a.seed, &s));
    hop_structure_free(s);
}

/* Options are the same for all and no part of a variant. */
static void check_name(const char *name) {
    static const char *const ours[] = {
        ":max_evaluations=", ":quenches=", ":polish=", ":seed="};
    for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
        if (strstr(name, ours[k]))
            fail_usage("%s: %.*s is set by hop-compare, the same for all", name,
                       (int)strlen(ours[k]) - 2, ours[k] + 1);
    if (strlen(name) > 1000)
        fail_usage("--optimizers: a name is too long");
    warn_untrained(name, a.model);
}

/* Split "A,B:x=1,y=2,C": a piece that is only OPTION=VALUE belongs to the one before. */
static int split_names(result *r) {
    int count = 0;
    for (char *piece = a.names; piece;) {
        char *end = strchr(piece, ','), *next = end ? end + 1 : NULL;
        if (end)
            *end = '\0';
        const size_t key = strcspn(piece, ":=");
        if (count > 0 && piece[key] == '=')
            piece[-1] = ':';
        else if (count == MOST)
            fail_usage("--optimizers: expected at most %d", MOST);
        else if (!*piece)
            fail_usage("--optimizers: expected names with one comma between");
        else
            r[count++].name = piece;
        piece = next;
    }
    return count;
}

static int make_results(result *r) {
    const int count = split_names(r);
    for (int k = 0; k < count; k++) {
        check_name(r[k].name);
        r[k].energy = calloc((size_t)a.runs, sizeof(double));
        r[k].trace = calloc((size_t)a.runs * POINTS, sizeof(double));
        if (!r[k].energy || !r[k].trace)
            fail("out of memory");
    }
    return count;
}

int main(int argc, char **argv) {
    hop_context *context = start_program();
    const struct argp argp = {options,
                              parse,
                              "-p POTENTIAL --formula F --optimizers A,B",
                              "Compare optimizers from the same random starts.",
                              0,
                              0,
                              0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    if (a.plot)
        check_output(a.plot);
    if (a.best)
        check_output(a.best);
    hop_potential *potential = open_potential(context, a.potential);
    hop_model *model = NULL;
    if (a.model)
        model = open_model(context, a.model);
    result r[MOST] = {0};
    const int count = make_results(r);
    double first = fmin(100.0, a.evaluations), grid[POINTS];
    for (int k = 0; k < POINTS; k++)
        grid[k] = first * pow(a.evaluations / first, k / (POINTS - 1.0));
    hop_structure *best = NULL;
    for (int k = 0; k < count; k++) /* a wrong name is found before the first run */
        try_name(context, potential, model, r[k].name);
    for (int k = 0; k < count; k++)
        run_all(context, potential, model, &r[k], grid, &best);
    if (interrupted()) {
        if (a.best && best)
            write_best(context, potential, best);
        return finish(EXIT_ERROR);
    }
    double reference = isnan(a.target) ? *hop_structure_energy(best) : a.target;
    plot_curve curves[MOST];
    for (int k = 0; k < count; k++) {
        summarise(&r[k], a.runs);
        for (int j = 0; j < a.runs; j++)
            r[k].hits += r[k].energy[j] <= reference + a.tolerance;
        curves[k] = (plot_curve){r[k].name, POINTS, grid, r[k].curve, r[k].band};
    }
    if (a.json)
        print_json(r, count);
    else
        print_table(r, count, reference);
    if (a.plot)
        plot_write(a.plot, a.formula, a.runs, curves, (size_t)count);
    if (a.best)
        write_best(context, potential, best);
    for (int k = 0; k < count; k++) {
        free(r[k].energy);
        free(r[k].trace);
    }
    hop_structure_free(best);
    hop_model_free(model);
    hop_potential_free(potential);
    hop_context_free(context);
    return finish(EXIT_OK);
}
