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
    {"formula", 'F', "FORMULA", 0, "Random clusters, such as Ag19Au19", 0},
    {"optimizer", 'm', "NAME", 0, "Optimizer (basin-hopping)", 0},
    {"evaluations", 'n', "B", 0, "Energy-and-forces evaluations of a run (10000)", 0},
    {"runs", 'r', "R", 0, "Runs (1)", 0},
    {"seed", 's', "S", 0, "Seed of the first run (1)", 0},
    {"model", 'M', "MODEL.h5", 0, "Weights for the learned optimizer", 0},
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
    case 'n': a.evaluations = parse_number("--evaluations", arg, 1, 1e15); break;
    case 'r': a.runs = (int)parse_number("--runs", arg, 1, 1e6); break;
    case 's': a.seed = parse_number("--seed", arg, 0, 9e15); break;
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
            argp_error(state, "expected -p POTENTIAL, -o BEST.xyz, and --formula or IN.xyz");
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

int main(int argc, char **argv) {
    hop_context *context = start_program();
    const struct argp argp = {options, parse,
                              "-p POTENTIAL (--formula FORMULA | IN.xyz) -o BEST.xyz",
                              "Search for the lowest-energy structure.", 0, 0, 0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    hop_potential *potential = open_potential(context, a.potential);
    hop_structure *best = NULL;
    hop_model *model = NULL;
    char number[32];
    if (a.model)
        check(context, hop_model_load(context, a.model, &model));
    if (a.json)
        printf("{\"optimizer\": \"%s\", \"energies\": [", a.optimizer);
    for (int run = 0; run < a.runs && !interrupted(); run++) {
        hop_structure *s;
        uint64_t seed = (uint64_t)a.seed + (uint64_t)run;
        check(context, a.formula
                           ? hop_structure_random(context, a.formula, potential, seed, &s)
                           : hop_structure_read(context, a.input, 0, &s));
        hop_optimizer *o = make_optimizer(context, a.optimizer, s, potential, model);
        check(context, hop_optimizer_set(o, "quenches", 0));
        check(context, hop_optimizer_set(o, "polish", 60));
        check(context, hop_optimizer_set(o, "max_evaluations", a.evaluations));
        check(context, hop_optimizer_set(o, "seed", (double)seed));
        for (int k = 0; k < a.options; k++)
            set_option(context, o, a.option[k]);
        check(context, hop_optimizer_run(o, s, progress, &run));
        clear_progress();
        double energy = *hop_structure_energy(s);
        hop_progress p = {.size = sizeof p};
        hop_optimizer_progress(o, &p);
        if (a.json)
            printf("%s%s", run > 0 ? ", " : "", json_number(energy, number));
        else
            printf("run %d  seed %llu  energy %.9f  evaluations %lld  quenches %lld\n",
                   run + 1, (unsigned long long)seed, energy, (long long)p.evaluations,
                   (long long)p.quenches);
        fflush(stdout);
        hop_optimizer_free(o);
        bool better = !best || energy < *hop_structure_energy(best);
        hop_structure_free(better ? best : s);
        best = better ? s : best;
    }
    check(context, hop_potential_evaluate(potential, best));
    const hop_structure *one = best;
    check(context, hop_structure_write(&one, 1, a.output));
    printf(a.json ? "], \"best\": %.17g}\n" : "best %.9f\n", *hop_structure_energy(best));
    hop_structure_free(best);
    hop_model_free(model);
    hop_potential_free(potential);
    hop_context_free(context);
    return interrupted() ? 128 + interrupted() : EXIT_OK;
}
