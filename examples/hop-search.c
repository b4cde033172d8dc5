/* hop-search: look for the lowest-energy structure. */
#include <argp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/common.h"

static struct {
    const char *potential, *formula, *optimizer, *input, *output, *model, *option[64];
    double evaluations, seed;
    int runs, options;
    bool json;
} a = {.optimizer = "basin-hopping", .evaluations = 10000, .seed = 1, .runs = 1};

static const struct argp_option options[] = {
    {"potential", 'p', "POTENTIAL", 0, "Parameter file or built-in name", 0},
    {"formula", 'F', "FORMULA", 0,
     "Random clusters, such as Ag19Au19, or X13 of Lennard-Jones particles", 0},
    {"optimizer", 'm', "NAME", 0, "Optimizer (basin-hopping)", 0},
    {"evaluations", 'n', "B", 0, "Energy-and-forces evaluations of a run (10000)", 0},
    {"runs", 'r', "R", 0, "Runs (1)", 0},
    {"seed", 's', "S", 0, "Seed of the first run (1)", 0},
    {"model", 'M', "MODEL.h5", 0, "Weights for the learned optimizers", 0},
    {"output", 'o', "BEST.xyz", 0, "Best structure", 0},
    {"option", 'O', "NAME=VALUE", 0, "Set an option of the optimizer", 0},
    {"list-options", 'L', "NAME", 0, "List an optimizer's options", 0},
    {"json", 'J', 0, 0, "Print the result as JSON", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case 'p': a.potential = arg; break;
    case 'F': a.formula = arg; break;
    case 'm': a.optimizer = arg; break;
    case 'n': a.evaluations = parse_count("--evaluations", arg, 1, 1e15); break;
    case 'r': a.runs = (int)parse_count("--runs", arg, 1, 1e6); break;
    case 's': a.seed = parse_count("--seed", arg, 0, 9e15); break;
    case 'M': a.model = arg; break;
    case 'o': a.output = arg; break;
    case 'J': a.json = true; break;
    case 'L': list_options(arg); exit(EXIT_OK);
    case 'O':
        if (a.options == 64)
            argp_error(state, "too many options");
        a.option[a.options++] = arg;
        break;
    case ARGP_KEY_ARG:
        if (a.input)
            argp_error(state, "expected one file");
        a.input = arg;
        break;
    case ARGP_KEY_END:
        if (!a.potential || !a.output || !a.formula == !a.input)
            argp_error(state,
                       "expected -p POTENTIAL, -o BEST.xyz, and --formula or IN.xyz");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int progress(void *user, const hop_progress *p) {
    if (p->evaluations % 500 == 0)
        show_progress("run %d/%d  %lld/%.0f evaluations  best %.6f", *(int *)user + 1,
                      a.runs, (long long)p->evaluations, a.evaluations, p->best_energy);
    return 0;
}

typedef struct search {
    hop_context *context;
    hop_potential *potential;
    hop_model *model;
    hop_structure *best;
    double *energy; /* of each run that was made */
    int done;
    int64_t calls;
} search;

static hop_optimizer *prepare(search *w, uint64_t seed, hop_structure **s) {
    check(w->context,
          a.formula ? hop_structure_random(w->context, a.formula, w->potential, seed, s)
                    : hop_structure_read(w->context, a.input, 0, s));
    hop_optimizer *o =
        make_optimizer(w->context, a.optimizer, *s, w->potential, w->model);
    check(w->context, hop_optimizer_set(o, "quenches", 0));
    check(w->context,
          hop_optimizer_set(o, "polish", fmin(60.0, floor(a.evaluations / 4))));
    check(w->context, hop_optimizer_set(o, "max_evaluations", a.evaluations));
    check(w->context, hop_optimizer_set(o, "seed", (double)seed));
    for (int k = 0; k < a.options; k++)
        set_option(w->context, o, a.option[k]);
    return o;
}

/* One run; whatever ends it, its best point counts. */
static int run_once(search *w, int run) {
    hop_structure *s;
    const uint64_t seed = (uint64_t)a.seed + (uint64_t)run;
    hop_optimizer *o = prepare(w, seed, &s);
    int status = hop_optimizer_run(o, s, progress, &run);
    clear_progress();
    if (status < 0)
        warn("run %d: %s", run + 1, hop_error_message(w->context));
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    w->calls += p.evaluations;
    if (hop_optimizer_best(o, s) == HOP_OK) {
        const double energy = *hop_structure_energy(s);
        w->energy[w->done++] = energy;
        if (!a.json)
            printf("run %d  seed %llu  energy %.9f  evaluations %lld  quenches %lld\n",
                   run + 1, (unsigned long long)seed, energy, (long long)p.evaluations,
                   (long long)p.quenches);
        fflush(stdout);
        if (!w->best || energy < *hop_structure_energy(w->best)) {
            hop_structure *worse = w->best;
            w->best = s;
            s = worse;
        }
    }
    hop_structure_free(s);
    hop_optimizer_free(o);
    return status;
}

static void print_result(const search *w) {
    char number[32];
    const double best = *hop_structure_energy(w->best);
    if (!a.json) {
        printf("best %.9f\n", best);
        return;
    }
    printf("{\"optimizer\": \"%s\", \"energies\": [", a.optimizer);
    for (int k = 0; k < w->done; k++)
        printf("%s%s", k > 0 ? ", " : "", json_number(w->energy[k], number));
    printf("], \"calls\": %lld, \"best\": %.17g}\n", (long long)w->calls, best);
}

int main(int argc, char **argv) {
    search w = {.context = start_program()};
    const struct argp argp = {options,
                              parse,
                              "-p POTENTIAL (--formula FORMULA | IN.xyz) -o BEST.xyz",
                              "Search for the lowest-energy structure.",
                              0,
                              0,
                              0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    check_output(a.output);
    warn_untrained(a.optimizer, a.model);
    w.potential = open_potential(w.context, a.potential);
    if (a.model)
        check(w.context, hop_model_load(w.context, a.model, &w.model));
    w.energy = calloc((size_t)a.runs, sizeof *w.energy);
    if (!w.energy)
        fail("out of memory");
    int status = HOP_OK;
    for (int run = 0; run < a.runs && !interrupted() && status >= 0; run++)
        status = run_once(&w, run);
    if (w.best) {
        const hop_structure *one = w.best;
        check(w.context, hop_potential_evaluate(w.potential, w.best));
        check(w.context, hop_structure_write(&one, 1, a.output));
        print_result(&w);
    }
    free(w.energy);
    hop_structure_free(w.best);
    hop_model_free(w.model);
    hop_potential_free(w.potential);
    hop_context_free(w.context);
    return finish(status < 0 ? EXIT_ERROR : EXIT_OK);
}
