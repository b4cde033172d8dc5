/* Training tasks: which systems a model is trained on.
 *
 * A task file has one task a line: potential (built-in name or path), formula, weight;
 * '#' begins a comment. */
#ifndef HOP_LEARNING_TASKS_H
#define HOP_LEARNING_TASKS_H

#include "potentials/potential.h"

typedef struct hop__task {
    hop_potential *potential;
    int32_t *numbers;
    double *lengths, *energies; /* each atom's scales */
    size_t count;
    double weight;
    hop__units units;
} hop__task;

typedef struct hop__tasks {
    hop_context *context;
    hop__task *task;
    size_t count, most_atoms;
    char *text; /* of the file; goes into checkpoints */
} hop__tasks;

/* `name` is for messages. */
int hop__tasks_parse(hop_context *context, const char *name, const char *text,
                     size_t size, hop__tasks **out);
void hop__tasks_free(hop__tasks *tasks);

#endif
