/* hop-relax: relax a structure to its local minimum. */
#include <argp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/common.h"

static struct {
    const char *potential, *optimizer, *input, *output, *model, *trajectory;
    const char *option[64];
    double fmax, evaluations, cell, pressure;
    int options;
    bool json;
} a = {.optimizer = "lbfgs", .fmax = 0.01, .evaluations = 100000};

static const struct argp_option options[] = {
    {"potential", 'p', "POTENTIAL", 0, "Parameter file or built-in name", 0},
    {"optimizer", 'm', "NAME", 0, "Optimizer (lbfgs)", 0},
    {"fmax", 'f', "F", 0, "Largest force at the end, eV/A (0.01)", 0},
    {"cell", 'c', 0, 0, "Relax the cell too", 0},
    {"pressure", 'P', "P", 0, "... at this pressure, eV/A^3, or as 10GPa (0)", 0},
    {"evaluations", 'n', "B", 0, "Most energy-and-forces evaluations (100000)", 0},
    {"model", 'M', "MODEL", 0, "Weights for the learned optimizers: a file, or metals",
     0},
    {"output", 'o', "OUT.xyz", 0, "Relaxed structure", 0},
    {"trajectory", 't', "FILE", 0, "Every point on the way: .h5md, .h5 or .xyz", 0},
    {"option", 'O', "NAME=VALUE", 0, "Set an option of the optimizer", 0},
    {"list-options", 'L', "NAME", 0, "List an optimizer's options", 0},
    {"json", 'J', 0, 0, "Print the result as JSON", 0},
    {0}};

/* eV/angstrom^3; 1 GPa is 0.00624150907. */
static double parse_pressure(const char *text) {
    char *end;
    double value = strtod(text, &end);
    bool gpa = strcmp(end, "GPa") == 0;
    if (end == text || (*end && !gpa) || !(fabs(value) < 1e6))
        fail_usage(
            "--pressure: expected a number of eV/A^3 or of GPa such as 10GPa, got "
            "'%s'",
            text);
    return gpa ? value * 0.00624150907446 : value;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case 'p': a.potential = arg; break;
    case 'm': a.optimizer = arg; break;
    case 'f': a.fmax = parse_number("--fmax", arg, 1e-12, 1e6); break;
    case 'c': a.cell = 1; break;
    case 'P': a.pressure = parse_pressure(arg); break;
    case 'n': a.evaluations = parse_count("--evaluations", arg, 1, 1e15); break;
    case 'M': a.model = arg; break;
    case 'o': a.output = arg; break;
    case 't': a.trajectory = arg; break;
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
        if (!a.potential || !a.input || !a.output)
            argp_error(state, "expected -p POTENTIAL, IN.xyz and -o OUT.xyz");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

typedef struct recorder {
    hop_context *context;
    hop_trajectory *trajectory;
    const hop_structure *point; /* the last one that was evaluated */
} recorder;

static int progress(void *user, const hop_progress *p) {
    const recorder *r = user;
    if (r->trajectory)
        check(r->context,
              hop_trajectory_append(r->trajectory, p->evaluations, r->point));
    if (p->evaluations % 50 == 0)
        show_progress(a.cell != 0.0
                          ? "%lld evaluations  energy %.6f  fmax %.3g  smax %.3g"
                          : "%lld evaluations  energy %.6f  fmax %.3g",
                      (long long)p->evaluations, p->energy, p->fmax, p->smax);
    return 0;
}

static double largest_force(hop_structure *s) {
    const double *f = hop_structure_forces(s);
    const int32_t *fixed = hop_structure_fixed(s);
    double most = 0.0;
    for (size_t k = 0; k < hop_structure_count(s); k++)
        if (!fixed[k])
            most = fmax(most, sqrt(f[3 * k] * f[3 * k] + f[3 * k + 1] * f[3 * k + 1] +
                                   f[3 * k + 2] * f[3 * k + 2]));
    return most;
}

static double volume(hop_structure *s) {
    const double *c = hop_structure_cell(s);
    return fabs(c[0] * (c[4] * c[8] - c[5] * c[7]) -
                c[1] * (c[3] * c[8] - c[5] * c[6]) +
                c[2] * (c[3] * c[7] - c[4] * c[6]));
}

static void print_result(hop_structure *s, const hop_progress *p, int status) {
    double energy = *hop_structure_energy(s), fmax = largest_force(s), stress[6];
    bool solid = a.cell != 0.0 && hop_structure_stress(s, stress) == HOP_OK;
    printf(a.json ? "{\"energy\": %.17g, \"fmax\": %.6g, " : "energy %.9f  fmax %.3g  ",
           energy, fmax);
    if (solid)
        printf(a.json ? "\"enthalpy\": %.17g, \"volume\": %.17g, \"pressure\": %.9g, "
                      : "enthalpy %.9f  volume %.6f  pressure %.6g  ",
               energy + a.pressure * volume(s), volume(s),
               -(stress[0] + stress[1] + stress[2]) / 3.0);
    printf(a.json ? "\"evaluations\": %lld, \"status\": \"%s\"}\n"
                  : "evaluations %lld  %s\n",
           (long long)p->evaluations, hop_status_text(status));
}

int main(int argc, char **argv) {
    hop_context *context = start_program();
    const struct argp argp = {options,
                              parse,
                              "-p POTENTIAL IN.xyz -o OUT.xyz",
                              "Relax the first structure of IN.xyz.",
                              0,
                              0,
                              0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    check_output(a.output);
    if (a.trajectory)
        check_output(a.trajectory);
    warn_untrained(a.optimizer, a.model);
    hop_potential *potential = open_potential(context, a.potential);
    hop_structure *structure;
    hop_model *model = NULL;
    int status = hop_structure_read(context, a.input, 0, &structure);
    check(context, status);
    if (a.model)
        model = open_model(context, a.model);
    hop_optimizer *optimizer =
        make_optimizer(context, a.optimizer, structure, potential, model);
    check(context, hop_optimizer_set(optimizer, "fmax", a.fmax));
    check(context, hop_optimizer_set(optimizer, "quenches", 1));
    check(context, hop_optimizer_set(optimizer, "polish", 0));
    check(context, hop_optimizer_set(optimizer, "max_evaluations", a.evaluations));
    check(context, hop_optimizer_set(optimizer, "cell", a.cell));
    check(context, hop_optimizer_set(optimizer, "pressure", a.pressure));
    for (int k = 0; k < a.options; k++)
        set_option(context, optimizer, a.option[k]);
    check(context, hop_optimizer_get(optimizer, "cell", &a.cell));
    check(context, hop_optimizer_get(optimizer, "pressure", &a.pressure));
    recorder r = {context, NULL, structure};
    if (a.trajectory)
        check(context,
              hop_trajectory_create(context, a.trajectory, structure, &r.trajectory));
    status = hop_optimizer_run(optimizer, structure, progress, &r);
    clear_progress();
    if (a.trajectory)
        finish_trajectory(context, r.trajectory);
    check(context, status);
    check(context, hop_potential_evaluate(potential, structure));
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(optimizer, &p);
    const hop_structure *one = structure;
    check(context, hop_structure_write(&one, 1, a.output));
    print_result(structure, &p, status);
    hop_optimizer_free(optimizer);
    hop_model_free(model);
    hop_structure_free(structure);
    hop_potential_free(potential);
    hop_context_free(context);
    if (status != HOP_CONVERGED)
        warn("not converged to %g eV/A: %s; %s holds the best point", a.fmax,
             hop_status_text(status), a.output);
    return finish(status == HOP_CONVERGED ? EXIT_OK : EXIT_ERROR);
}
