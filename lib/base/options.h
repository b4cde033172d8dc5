/* Option tables: one row per option, over a struct of doubles.  Validation messages,
   the programs' --help, manuals, Python keywords and HDF5 attributes come from them. */
#ifndef HOP_BASE_OPTIONS_H
#define HOP_BASE_OPTIONS_H

#include "base/context.h"

typedef struct hop__option {
    const char *name, *unit;
    enum hop_option_type type;
    double minimum, maximum, initial;
    const char *doc;
    size_t offset; /* of the double in the options struct */
} hop__option;

typedef struct hop__option_table {
    const char *kind; /* for messages */
    const hop__option *rows;
    size_t count;
} hop__option_table;

/* Set every option to its default. */
void hop__options_reset(const hop__option_table *table, void *options);

/* NULL when the table has no such option. */
const hop__option *hop__options_find(const hop__option_table *table, const char *name);

/* HOP_ERROR_ARGUMENT: unknown name (lists the names) or out of range (gives the range). */
int hop__options_set(hop_context *context, const hop__option_table *table,
                     void *options, const char *name, double value);
int hop__options_get(hop_context *context, const hop__option_table *table,
                     const void *options, const char *name, double *value);

/* Fill a caller-sized hop_option; HOP_END past the last row. */
int hop__options_describe(const hop__option_table *table, size_t index,
                          hop_option *out);

#endif
