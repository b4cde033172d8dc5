#include "base/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- lines and words ---- */

void hop__lines_start(hop__lines *lines, const char *name, const char *text,
                      size_t size) {
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    *lines = (hop__lines){name, text, text + size, 0};
}

bool hop__lines_next(hop__lines *lines, hop__span *line) {
    if (lines->next == lines->end)
        return false;
    size_t left = (size_t)(lines->end - lines->next);
    const char *stop = memchr(lines->next, '\n', left);
    size_t length = stop ? (size_t)(stop - lines->next) : left;
    *line = (hop__span){lines->next, length};
    lines->next += stop ? length + 1 : length;
    if (length > 0 && line->start[length - 1] == '\r')
        line->length--;
    lines->number++;
    return true;
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool hop__span_word(hop__span *rest, hop__span *word) {
    *rest = hop__span_trim(*rest);
    size_t length = 0;
    while (length < rest->length && !blank(rest->start[length]))
        length++;
    *word = (hop__span){rest->start, length};
    rest->start += length;
    rest->length -= length;
    return length > 0;
}

bool hop__span_equals(hop__span span, const char *text) {
    return span.length == strlen(text) && memcmp(span.start, text, span.length) == 0;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool hop__span_equals_nocase(hop__span span, const char *text) {
    if (span.length != strlen(text))
        return false;
    for (size_t k = 0; k < span.length; k++)
        if (lower(span.start[k]) != lower(text[k]))
            return false;
    return true;
}

hop__span hop__span_trim(hop__span span) {
    while (span.length > 0 && blank(span.start[0])) {
        span.start++;
        span.length--;
    }
    while (span.length > 0 && blank(span.start[span.length - 1]))
        span.length--;
    return span;
}

/* ---- numbers ---- */

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool exponent_mark(char c) {
    return c == 'e' || c == 'E' || c == 'd' || c == 'D';
}

/* sign? digits* (. digits*)? ([eEdD] sign? digits+)?  with at least one mantissa digit */
static bool is_decimal(hop__span span) {
    size_t k = 0, mantissa = 0, exponent = 0;
    const char *s = span.start;
    if (k < span.length && (s[k] == '+' || s[k] == '-'))
        k++;
    for (; k < span.length && digit(s[k]); k++)
        mantissa++;
    if (k < span.length && s[k] == '.')
        for (k++; k < span.length && digit(s[k]); k++)
            mantissa++;
    if (mantissa == 0)
        return false;
    if (k < span.length && exponent_mark(s[k])) {
        k++;
        if (k < span.length && (s[k] == '+' || s[k] == '-'))
            k++;
        for (; k < span.length && digit(s[k]); k++)
            exponent++;
        if (exponent == 0)
            return false;
    }
    return k == span.length;
}

bool hop__span_double(hop__span span, double *value) {
    char buffer[416];
    size_t size = 0;
    if (span.length == 0 || span.length > 400 || !is_decimal(span))
        return false;
    const char *point = localeconv()->decimal_point;
    size_t point_length = strlen(point);
    if (point_length == 0 || point_length > 8)
        return false;
    for (size_t k = 0; k < span.length; k++) {
        char c = span.start[k];
        if (c == '.') {
            memcpy(buffer + size, point, point_length);
            size += point_length;
        } else {
            buffer[size++] = c == 'd' || c == 'D' ? 'e' : c;
        }
    }
    buffer[size] = '\0';
    *value = strtod(buffer, NULL);
    return isfinite(*value) != 0;
}

bool hop__span_integer(hop__span span, int64_t *value) {
    size_t k = 0;
    bool negative = false;
    if (k < span.length && (span.start[k] == '+' || span.start[k] == '-'))
        negative = span.start[k++] == '-';
    if (k == span.length)
        return false;
    int64_t result = 0;
    for (; k < span.length; k++) {
        if (!digit(span.start[k]))
            return false;
        int64_t units = span.start[k] - '0';
        if (__builtin_mul_overflow(result, 10, &result) ||
            __builtin_add_overflow(result, negative ? -units : units, &result))
            return false;
    }
    *value = result;
    return true;
}

const char *hop__quote(hop__span span, char *buffer) {
    size_t size = 0;
    for (size_t k = 0; k < span.length; k++) {
        if (size > 40) {
            memcpy(buffer + size, "...", 3);
            size += 3;
            break;
        }
        unsigned char c = (unsigned char)span.start[k];
        if (c >= 32 && c < 127)
            buffer[size++] = (char)c;
        else
            size += (size_t)snprintf(buffer + size, 5, "\\x%02x", c);
    }
    buffer[size] = '\0';
    return buffer;
}

const char *hop__format_double(double value, int digits, char *buffer) {
    snprintf(buffer, HOP__NUMBER_SIZE, "%.*g", digits, value);
    const char *point = localeconv()->decimal_point;
    size_t length = strlen(point);
    char *at = length > 0 && strcmp(point, ".") != 0 ? strstr(buffer, point) : NULL;
    if (at) {
        *at = '.';
        memmove(at + 1, at + length, strlen(at + length) + 1);
    }
    return buffer;
}

/* ---- growing text ---- */

void hop__text_start(hop__text *text, hop_context *context) {
    *text = (hop__text){.context = context};
}

static bool reserve(hop__text *text, size_t more) {
    if (text->failed)
        return false;
    if (text->size + more + 1 <= text->capacity)
        return true;
    size_t capacity = 2 * text->capacity + more + 256;
    char *data = hop__resize(text->context, text->data, capacity, 1);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void hop__text_add(hop__text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->size, (size_t)length + 1, format, again);
        text->size += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void hop__text_add_double(hop__text *text, double value) {
    char buffer[HOP__NUMBER_SIZE];
    hop__text_add(text, "%s", hop__format_double(value, 17, buffer));
}

void hop__text_free(hop__text *text) {
    hop__release(text->context, text->data);
    *text = (hop__text){.context = text->context};
}
