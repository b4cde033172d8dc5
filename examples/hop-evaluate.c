/* hop-evaluate: energy, forces, virial and stress of every frame of a file. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/common.h"

static const char *potential_name, *input;

static const struct argp_option options[] = {
    {"potential", 'p', "POTENTIAL", 0, "Parameter file or built-in name", 0}, {0}};

static error_t parse(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case 'p': potential_name = arg; break;
    case ARGP_KEY_ARG:
        if (input)
            argp_error(state, "expected one file");
        input = arg;
        break;
    case ARGP_KEY_END:
        if (!potential_name || !input)
            argp_error(state, "expected -p POTENTIAL and IN.xyz");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void print_structure(hop_context *context, const hop_structure *structure) {
    size_t length;
    check(context, hop_structure_format(structure, NULL, 0, &length));
    char *text = malloc(length + 1);
    if (!text)
        fail("out of memory");
    check(context, hop_structure_format(structure, text, length + 1, &length));
    if (fwrite(text, 1, length, stdout) != length)
        fail("standard output cannot be written");
    free(text);
}

int main(int argc, char **argv) {
    hop_context *context = start_program();
    const struct argp argp = {
        options,
        parse,
        "-p POTENTIAL IN.xyz",
        "Write IN.xyz with energies, forces and stresses to standard "
        "output as extended XYZ, 17 digits.",
        0,
        0,
        0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    hop_potential *potential = open_potential(context, potential_name);
    hop_structure *structure;
    int status = HOP_OK;
    for (int64_t k = 0;
         !interrupted() &&
         (status = hop_structure_read(context, input, k, &structure)) == HOP_OK;
         k++) {
        if (hop_potential_evaluate(potential, structure) < 0)
            fail("%s: structure %lld: %s", input, (long long)k + 1,
                 hop_error_message(context));
        print_structure(context, structure);
        hop_structure_free(structure);
    }
    check(context, status);
    hop_potential_free(potential);
    hop_context_free(context);
    return finish(EXIT_OK);
}
