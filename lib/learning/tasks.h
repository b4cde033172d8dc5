/* Training tasks: which systems a model is trained on.
 *
 * A task file has one task a line: potential (built-in name or path), formula, and a
 * weight, or the word "validation" for a system that is not trained on but by which the
 * best model is chosen; "cell=A,B,C" makes it periodic in a rectangular cell of these edges,
 * angstrom, "cell=A" in a cube.  A line that begins with "set" gives options of the learned
 * optimizer to the searches of all tasks below it: set shake=0.4 temperature=0.02.  '#'
 * begins a comment. */
#ifndef HOP_LEARNING_TASKS_H
#define HOP_LEARNING_TASKS_H

#include "potentials/potential.h"

typedef struct hop__task_setting {
    const char *name; /* of the option table */
    double value;
} hop__task_setting;

typedef struct hop__task {
    hop_potential *potential;
    int32_t *numbers;
    double *lengths, *energies; /* each atom's scales */
    size_t count;
    double weight;  /* 0: for validation */
    double cell[3]; /* edges, angstrom; 0: a cluster */
    hop__units units;
    size_t settings; /* as many of the file's are its own */
} hop__task;

typedef struct hop__tasks {
    hop_context *context;
    hop__task *task;
    hop__task_setting *setting;
    size_t settings;
    size_t count, most_atoms;
    size_t validations; /* of the tasks */
    char *text;         /* of the file; goes into checkpoints */
} hop__tasks;

/* `name` is for messages. */
int hop__tasks_parse(hop_context *context, const char *name, const char *text,
                     size_t size, hop__tasks **out);
void hop__tasks_free(hop__tasks *tasks);

#endif
