/* What the parameter files of all kinds have in common: comments, the UNITS tag, species. */
#ifndef HOP_POTENTIALS_PARAMETER_FILE_H
#define HOP_POTENTIALS_PARAMETER_FILE_H

#include "base/text.h"

#define HOP__MAX_SPECIES 32

/* The elements a file speaks of, in order of appearance. */
typedef struct hop__species {
    int32_t numbers[HOP__MAX_SPECIES];
    int32_t count;
} hop__species;

/* -1 when the element is not there. */
int32_t hop__species_index(const hop__species *species, int32_t number);
/* Adds the element when it is new; -1 when there is no room. */
int32_t hop__species_add(hop__species *species, int32_t number);

/* Check the tag `UNITS:` in the first comment line: "metal", or "lj" when allowed.
   `required`: a file without it is refused; else the log says that metal is assumed. */
int hop__parameter_units(hop_context *context, const char *name, const char *text,
                         size_t size, bool allow_lj, bool required);

/* The next line that holds more than blanks and a comment, without its comment. */
bool hop__parameter_line(hop__lines *lines, hop__span *line);

/* HOP_ERROR_FORMAT "name:line: expected ..., got '...'" */
int hop__parameter_error(hop_context *context, const hop__lines *lines,
                         const char *expected, hop__span got);

#endif
