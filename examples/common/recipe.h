/* A recipe: the stages of a training, one after the other. */
#ifndef EXAMPLES_RECIPE_H
#define EXAMPLES_RECIPE_H

#include <stddef.h>

enum { STAGE_OPTIONS = 32, STAGES = 16 };

/* A line of a recipe: method, task file, and options "name=value". */
typedef struct stage {
    char method[64];
    char tasks[4096]; /* beside the recipe */
    char option[STAGE_OPTIONS][96];
    int options;
} stage;

/* How many stages; exit with 1 and a sentence that names the line when it is none. */
size_t read_recipe(const char *path, stage out[STAGES]);

#endif
