/* What the programs share: errors, the context, potentials by name, options, progress. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <hop.h>

enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2 };

/* Print "program: message" on stderr and exit with 1 (or 2: wrong usage). */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void fail_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* The same without exiting. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Exit with the library's message when `status` is an error. */
void check(hop_context *context, int status);

/* A context that is cancelled by SIGINT and SIGTERM; interrupted() tells which came. */
hop_context *start_program(void);
int interrupted(void);
/* `code`, or 1 when standard output could not be written, or 128 + the signal. */
int finish(int code);

/* An existing path, or a built-in name with or without its ending. */
hop_potential *open_potential(hop_context *context, const char *name);

/* A number or exit with 2. */
double parse_number(const char *option, const char *text, double low, double high);
/* A whole number or exit with 2. */
double parse_count(const char *option, const char *text, double low, double high);
/* "90", "90s", "20m", "1h" in seconds. */
/* A file, or the name of a model that comes with libhop, with or without .h5. */
hop_model *open_model(hop_context *context, const char *name);

double parse_time(const char *option, const char *text);

/* Set "name=value" on an optimizer; exit with 2 when it cannot be. */
void set_option(hop_context *context, hop_optimizer *optimizer, const char *assignment);
/* "kind[:name=value,...]" -> optimizer with its options and, for learned, the model. */
hop_optimizer *make_optimizer(hop_context *context, const char *spec,
                              const hop_structure *start, hop_potential *potential,
                              hop_model *model);

/* Say so when the optimizer of `spec` is the learned one and has no `model`. */
void warn_untrained(const char *spec, const char *model);

/* Print an option table as --list-options does; exit with 2 for an unknown kind. */
void list_options(const char *kind);

/* One line on stderr, when it is a terminal. */
void show_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void clear_progress(void);

/* Write what is left of a trajectory and give it back; exit with 1 when it cannot be. */
void finish_trajectory(hop_context *context, hop_trajectory *trajectory);

/* A number for JSON: null when it is not finite. */
const char *json_number(double value, char buffer[32]);

/* Exit with 1 when `path` cannot become an output file: better now than after hours. */
void check_output(const char *path);

/* Replace `path` by `text` at once. */
void write_text(const char *path, const char *text, size_t size);

#endif
