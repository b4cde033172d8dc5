#include "potentials/parameter_file.h"

#include <string.h>

int32_t hop__species_index(const hop__species *species, int32_t number) {
    for (int32_t k = 0; k < species->count; k++)
        if (species->numbers[k] == number)
            return k;
    return -1;
}

int32_t hop__species_add(hop__species *species, int32_t number) {
    int32_t index = hop__species_index(species, number);
    if (index >= 0 || species->count == HOP__MAX_SPECIES)
        return index;
    species->numbers[species->count] = number;
    return species->count++;
}

static bool find_tag(hop__span line, const char *tag, hop__span *value) {
    hop__span word;
    while (hop__span_word(&line, &word))
        if (hop__span_equals(word, tag))
            return hop__span_word(&line, value);
    return false;
}

int hop__parameter_units(hop_context *context, const char *name, const char *text,
                         size_t size, bool allow_lj, bool required) {
    hop__lines lines;
    hop__span line, value;
    hop__lines_start(&lines, name, text, size);
    while (hop__lines_next(&lines, &line)) {
        line = hop__span_trim(line);
        if (line.length == 0)
            continue;
        if (line.start[0] != '#')
            break;
        line.start++;
        line.length--;
        if (!find_tag(line, "UNITS:", &value))
            break;
        if (hop__span_equals(value, "metal") ||
            (allow_lj && hop__span_equals(value, "lj")))
            return HOP_OK;
        return hop__parameter_error(
            context, &lines, allow_lj ? "UNITS: metal or lj" : "UNITS: metal", value);
    }
    if (required)
        return hop__fail(
            context, HOP_ERROR_FORMAT,
            "%.300s:1: expected a first comment line with 'UNITS: metal'%s, "
            "got none",
            name, allow_lj ? " or 'UNITS: lj'" : "");
    hop__log(context, "%s: no UNITS tag, taken as metal (angstrom, eV)", name);
    return HOP_OK;
}

bool hop__parameter_line(hop__lines *lines, hop__span *line) {
    while (hop__lines_next(lines, line)) {
        const char *comment = memchr(line->start, '#', line->length);
        if (comment)
            line->length = (size_t)(comment - line->start);
        *line = hop__span_trim(*line);
        if (line->length > 0)
            return true;
    }
    return false;
}

int hop__parameter_error(hop_context *context, const hop__lines *lines,
                         const char *expected, hop__span got) {
    char quote[HOP__QUOTE_SIZE];
    return hop__fail(context, HOP_ERROR_FORMAT, "%.200s:%lld: expected %s, got '%s'",
                     lines->name, (long long)lines->number, expected,
                     hop__quote(got, quote));
}
