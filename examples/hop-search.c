/* hop-search: look for the lowest-energy structure. */
#include <argp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/common.h"
#include "common/minima.h"

static struct {
    const char *potential, *formula, *optimizer, *input, *output, *model, *option[64];
    const char *state, *trajectory, *archive;
    double evaluations, seed, minima, ladder, exchange, save_every;
    int runs, options, chains, threads;
    bool json, resume;
} a = {.optimizer = "basin-hopping",
       .evaluations = 10000,
       .seed = 1,
       .runs = 1,
       .minima = 100,
       .ladder = 1.5,
       .exchange = 1000,
       .save_every = 30,
       .chains = 1,
       .threads = 1};

#define MOST_CHAINS 1024
#define APART 1099511627776.0 /* 2^40: between the seeds of the chains of a run */

static const struct argp_option options[] = {
    {"potential", 'p', "POTENTIAL", 0, "Parameter file or built-in name", 0},
    {"formula", 'F', "FORMULA", 0,
     "Random clusters, such as Ag19Au19, or X13 of Lennard-Jones particles", 0},
    {"optimizer", 'm', "NAME", 0, "Optimizer (basin-hopping)", 0},
    {"evaluations", 'n', "B", 0, "Energy-and-forces evaluations of a run (10000)", 0},
    {"runs", 'r', "R", 0, "Runs (1)", 0},
    {"seed", 's', "S", 0, "Seed of the first run (1)", 0},
    {"model", 'M', "MODEL", 0, "Weights for the learned optimizers: a file, or metals",
     0},
    {"output", 'o', "BEST.xyz", 0, "Best structure", 0},
    {"archive", 'a', "FILE.xyz", 0,
     "Lowest distinct minima; goes on from the file when it is there", 0},
    {"minima", 'k', "K", 0, "How many of them a new archive keeps (100)", 0},
    {"trajectory", 't', "FILE", 0, "Every minimum in turn: .h5md, .h5 or .xyz", 0},
    {"option", 'O', "NAME=VALUE", 0, "Set an option of the optimizer", 0},
    {"list-options", 'L', "NAME", 0, "List an optimizer's options", 0},
    {"state", 'S', "FILE", 0, "Save the run as it goes on, and when it is interrupted",
     0},
    {"resume", 'R', 0, 0, "Go on from the state that was saved", 0},
    {"save-every", 'e', "TIME", 0, "Between two savings: 30s, 10m, ... (30s)", 0},
    {"chains", 'c', "K", 0,
     "Hopping chains in each run, which share its evaluations (1)", 0},
    {"ladder", 'l', "FACTOR", 0, "Each chain is hotter than the one before by it (1.5)",
     0},
    {"exchange", 'x', "B", 0,
     "Evaluations of each chain between exchanges of minima (1000)", 0},
    {"threads", 'j', "N", 0,
     "Threads for chains (1); the result does not depend on them", 0},
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
    case 'a': a.archive = arg; break;
    case 'k': a.minima = parse_count("--minima", arg, 1, 1e6); break;
    case 't': a.trajectory = arg; break;
    case 'S': a.state = arg; break;
    case 'R': a.resume = true; break;
    case 'e': a.save_every = parse_time("--save-every", arg); break;
    case 'c': a.chains = (int)parse_count("--chains", arg, 1, MOST_CHAINS); break;
    case 'l': a.ladder = parse_number("--ladder", arg, 1, 1e6); break;
    case 'x': a.exchange = parse_count("--exchange", arg, 1, 1e15); break;
    case 'j': a.threads = (int)parse_count("--threads", arg, 1, 1024); break;
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
        if (a.resume && !a.state)
            argp_error(state, "--resume: expected --state FILE");
        if (a.state && (a.runs > 1 || a.chains > 1))
            argp_error(state, "--state: expected one run of one chain");
        if (a.chains > 1 && (a.archive || a.trajectory))
            argp_error(state, "--archive and --trajectory follow one chain, not %d",
                       a.chains);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

typedef struct search {
    hop_context *context;
    hop_potential *potential;
    hop_model *model;
    hop_structure *best;
    double *energy; /* of each run that was made */
    int done;
    int64_t calls; /* of the runs before this one */
    minima minima;
    bool unsaved; /* the state could not be written */
} search;

typedef struct run {
    search *search;
    int number;
    hop_optimizer *chain[MOST_CHAINS];
    double saved; /* seconds of the run when its state was last saved */
} run;

/* What was found, too: a run that goes on from here finds the rest. */
static void save(const run *r) {
    save_minima(&r->search->minima);
    const bool before = r->search->unsaved;
    r->search->unsaved = hop_optimizer_save(r->chain[0], a.state) < 0;
    if (r->search->unsaved && !before)
        warn("%s; the search goes on", hop_error_message(r->search->context));
}

static int progress(void *user, const hop_progress *p) {
    run *r = user;
    if (p->evaluations % 500 == 0 || a.chains > 1)
        show_progress("run %d/%d  %lld/%.0f evaluations  best %.6f", r->number + 1,
                      a.runs, (long long)p->evaluations, a.evaluations, p->best_energy);
    if (a.state && p->seconds >= r->saved + a.save_every) {
        save(r);
        r->saved = p->seconds;
    }
    return 0;
}

/* ---- one run ---- */

static hop_structure *start_of(search *w, uint64_t seed) {
    hop_structure *s;
    check(w->context, a.formula ? hop_structure_random(w->context, a.formula,
                                                       w->potential, seed, &s)
                                : hop_structure_read(w->context, a.input, 0, &s));
    return s;
}

static hop_optimizer *prepare(search *w, hop_structure *s, double seed, int chain) {
    const double share = floor(a.evaluations / a.chains);
    double temperature;
    hop_optimizer *o =
        make_optimizer(w->context, a.optimizer, s, w->potential, w->model);
    check(w->context, hop_optimizer_set(o, "quenches", 0));
    check(w->context, hop_optimizer_set(o, "polish", fmin(60.0, floor(share / 4))));
    check(w->context, hop_optimizer_set(o, "max_evaluations", fmax(share, 1)));
    check(w->context, hop_optimizer_set(o, "seed", seed));
    for (int k = 0; k < a.options; k++)
        set_option(w->context, o, a.option[k]);
    if (chain > 0) {
        check(w->context, hop_optimizer_get(o, "temperature", &temperature));
        check(w->context,
              hop_optimizer_set(o, "temperature", temperature * pow(a.ladder, chain)));
    }
    follow_minima(&w->minima, o, s);
    return o;
}

/* A saved run goes on until the evaluations of this command. */
static void resume(search *w, run *r) {
    FILE *f = fopen(a.state, "rb");
    if (!f) {
        warn("%s is not there: the run begins anew", a.state);
        return;
    }
    fclose(f);
    hop_progress p = {.size = sizeof p};
    check(w->context, hop_optimizer_load(r->chain[0], a.state));
    check(w->context, hop_optimizer_set(r->chain[0], "max_evaluations", a.evaluations));
    hop_optimizer_progress(r->chain[0], &p);
    r->saved = p.seconds;
}

/* The chains of a run; returns a structure for its best point. */
static hop_structure *make_chains(search *w, run *r) {
    hop_structure *first = NULL;
    for (int k = 0; k < a.chains; k++) {
        const double seed = a.seed + r->number + APART * k;
        hop_structure *s = start_of(w, (uint64_t)seed);
        r->chain[k] = prepare(w, s, fmod(seed, 9007199254740992.0), k);
        if (k == 0)
            first = s;
        else
            hop_structure_free(s);
    }
    if (a.resume)
        resume(w, r);
    return first;
}

static hop_progress progress_of(const run *r) {
    hop_progress sum = {.size = sizeof sum}, one = {.size = sizeof one};
    for (int k = 0; k < a.chains; k++) {
        hop_optimizer_progress(r->chain[k], &one);
        sum.evaluations += one.evaluations;
        sum.quenches += one.quenches;
    }
    return sum;
}

static void take_result(search *w, const run *r, hop_structure **s) {
    const hop_progress p = progress_of(r);
    const double energy = *hop_structure_energy(*s);
    w->calls += p.evaluations;
    if (!isfinite(energy))
        return;
    w->energy[w->done++] = energy;
    if (!a.json)
        printf("run %d  seed %llu  energy %.9f  evaluations %lld  quenches %lld\n",
               r->number + 1, (unsigned long long)(a.seed + r->number), energy,
               (long long)p.evaluations, (long long)p.quenches);
    fflush(stdout);
    if (!w->best || energy < *hop_structure_energy(w->best)) {
        hop_structure *worse = w->best;
        w->best = *s;
        *s = worse;
    }
}

/* One run; whatever ends it, its best point counts. */
static int run_once(search *w, int number) {
    run r = {.search = w, .number = number};
    w->minima.seed = (uint64_t)a.seed + (uint64_t)number;
    w->minima.before = w->calls;
    hop_structure *s = make_chains(w, &r);
    int status = a.chains > 1 ? hop_chains_run(r.chain, (size_t)a.chains,
                                               (int64_t)a.exchange, s, progress, &r)
                              : hop_optimizer_run(r.chain[0], s, progress, &r);
    clear_progress();
    if (status < 0)
        warn("run %d: %s", number + 1, hop_error_message(w->context));
    if (a.state)
        save(&r);
    take_result(w, &r, &s);
    hop_structure_free(s);
    for (int k = 0; k < a.chains; k++)
        hop_optimizer_free(r.chain[k]);
    save_minima(&w->minima);
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

static void check_outputs(void) {
    const char *const paths[] = {a.output, a.state, a.archive, a.trajectory};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++)
        if (paths[k])
            check_output(paths[k]);
}

static void begin(search *w) {
    check(w->context, hop_context_set_threads(w->context, a.threads));
    check_outputs();
    warn_untrained(a.optimizer, a.model);
    w->potential = open_potential(w->context, a.potential);
    if (a.model)
        w->model = open_model(w->context, a.model);
    w->energy = calloc((size_t)a.runs, sizeof *w->energy);
    if (!w->energy)
        fail("out of memory");
    w->minima = (minima){.context = w->context,
                         .potential = w->potential,
                         .archive_path = a.archive,
                         .trajectory_path = a.trajectory,
                         .capacity = (size_t)a.minima,
                         .resume = a.resume && access(a.state, F_OK) == 0,
                         .by_hand = a.state != NULL};
}

/* False when a file is not as it should be. */
static bool end(search *w) {
    const bool good = end_minima(&w->minima) && !w->unsaved;
    free(w->energy);
    hop_structure_free(w->best);
    hop_model_free(w->model);
    hop_potential_free(w->potential);
    hop_context_free(w->context);
    return good;
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
    begin(&w);
    int status = HOP_OK;
    for (int k = 0; k < a.runs && !interrupted() && status >= 0; k++)
        status = run_once(&w, k);
    if (w.best) {
        const hop_structure *one = w.best;
        check(w.context, hop_potential_evaluate(w.potential, w.best));
        check(w.context, hop_structure_write(&one, 1, a.output));
        print_result(&w);
    }
    if (!end(&w))
        status = HOP_ERROR_IO;
    return finish(status < 0 ? EXIT_ERROR : EXIT_OK);
}
