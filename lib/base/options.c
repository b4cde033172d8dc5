#include "base/options.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

static double *place(const hop__option *row, void *options) {
    return (double *)((char *)options + row->offset);
}

void hop__options_reset(const hop__option_table *table, void *options) {
    for (size_t i = 0; i < table->count; i++)
        *place(&table->rows[i], options) = table->rows[i].initial;
}

const hop__option *hop__options_find(const hop__option_table *table, const char *name) {
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

static int unknown(hop_context *context, const hop__option_table *table,
                   const char *name) {
    int status = hop__fail(context, HOP_ERROR_ARGUMENT,
                           "%s has no option '%.60s'; it has:", table->kind, name);
    for (size_t i = 0; i < table->count; i++) {
        size_t used = strlen(context->message);
        const char *next = table->rows[i].name;
        if (used + strlen(next) + 6 > sizeof context->message)
            break;
        context->message[used] = ' ';
        memcpy(context->message + used + 1, next, strlen(next) + 1);
    }
    return status;
}

static bool acceptable(const hop__option *row, double value) {
    if (!(value >= row->minimum && value <= row->maximum))
        return false;
    return row->type == HOP_OPTION_REAL || value == floor(value);
}

int hop__options_set(hop_context *context, const hop__option_table *table,
                     void *options, const char *name, double value) {
    const hop__option *row = hop__options_find(table, name);
    if (!row)
        return unknown(context, table, name);
    if (!acceptable(row, value)) {
        char got[HOP__NUMBER_SIZE], low[HOP__NUMBER_SIZE], high[HOP__NUMBER_SIZE];
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "%s: option %s: expected %s from %s to %s, got %s",
                         table->kind, name,
                         row->type == HOP_OPTION_REAL ? "a number" : "a whole number",
                         hop__format_double(row->minimum, 6, low),
                         hop__format_double(row->maximum, 6, high),
                         hop__format_double(value, 6, got));
    }
    *place(row, options) = value;
    return HOP_OK;
}

int hop__options_get(hop_context *context, const hop__option_table *table,
                     const void *options, const char *name, double *value) {
    const hop__option *row = hop__options_find(table, name);
    if (!row)
        return unknown(context, table, name);
    *value = *(const double *)((const char *)options + row->offset);
    return HOP_OK;
}

int hop__options_describe(const hop__option_table *table, size_t index,
                          hop_option *out) {
    if (index >= table->count)
        return HOP_END;
    const hop__option *row = &table->rows[index];
    size_t size = out->size;
    hop_option full = {size,         row->name,    row->unit,    (int32_t)row->type,
                       row->minimum, row->maximum, row->initial, row->doc};
    memcpy(out, &full, size < sizeof full ? size : sizeof full);
    return HOP_OK;
}
