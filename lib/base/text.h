/* Text in, text out, the same under every locale. */
#ifndef HOP_BASE_TEXT_H
#define HOP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

/* Part of a text; not NUL-terminated. */
typedef struct hop__span {
    const char *start;
    size_t length;
} hop__span;

/* A text read line by line.  Accepts \n, \r\n, a missing last newline and a BOM. */
typedef struct hop__lines {
    const char *name; /* for error messages */
    const char *next, *end;
    int64_t number; /* of the current line, from 1 */
} hop__lines;

void hop__lines_start(hop__lines *lines, const char *name, const char *text,
                      size_t size);
bool hop__lines_next(hop__lines *lines, hop__span *line); /* false at the end */

/* Take the next blank-separated word off the front of `rest`; false when none is left. */
bool hop__span_word(hop__span *rest, hop__span *word);
bool hop__span_equals(hop__span span, const char *text);
bool hop__span_equals_nocase(hop__span span, const char *text);
hop__span hop__span_trim(hop__span span);

/* The whole span as a number; false when it is anything else.  Exponents may be e E d
   D; nan and inf are refused.  Correctly rounded whatever the locale. */
bool hop__span_double(hop__span span, double *value);
bool hop__span_integer(hop__span span, int64_t *value);

/* Up to 40 bytes of `span`, with unprintable bytes escaped, for "got '...'" in
   messages. Writes into `buffer` (64 bytes at least) and returns it. */
#define HOP__QUOTE_SIZE 64
const char *hop__quote(hop__span span, char *buffer);

/* A growing text; a failed allocation is remembered and reported at the end. */
typedef struct hop__text {
    hop_context *context;
    char *data;
    size_t size, capacity;
    bool failed;
} hop__text;

void hop__text_start(hop__text *text, hop_context *context);
void hop__text_add(hop__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hop__text_add_double(hop__text *text, double value); /* 17 significant digits */
void hop__text_free(hop__text *text);

/* "%.*g" with a decimal point under every locale; `buffer` has 32 bytes. */
#define HOP__NUMBER_SIZE 32
const char *hop__format_double(double value, int digits, char *buffer);

#endif
