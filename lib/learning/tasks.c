#include "learning/tasks.h"

#include <string.h>

#include "base/memory.h"
#include "optimizers/settings.h"
#include "potentials/parameter_file.h"
#include "structure/generate.h"

#define MAX_TASKS 1000
#define MAX_WORD 300
#define MAX_TASK_ATOMS 10000

void hop__tasks_free(hop__tasks *tasks) {
    if (!tasks)
        return;
    hop_context *context = tasks->context;
    for (size_t k = 0; k < tasks->count; k++) {
        hop_potential_free(tasks->task[k].potential);
        hop__release(context, tasks->task[k].numbers);
        hop__release(context, tasks->task[k].lengths);
    }
    hop__release(context, tasks->task);
    hop__release(context, tasks->setting);
    hop__release(context, tasks->text);
    hop__release(context, tasks);
}

static bool word_text(hop__span word, char buffer[MAX_WORD]) {
    if (word.length >= MAX_WORD)
        return false;
    memcpy(buffer, word.start, word.length);
    buffer[word.length] = '\0';
    return true;
}

static int load_potential(hop_context *context, const char *name, hop_potential **out) {
    for (size_t k = 0; hop_potential_builtin_name(k); k++)
        if (strcmp(hop_potential_builtin_name(k), name) == 0)
            return hop_potential_builtin(context, name, out);
    return hop_potential_load(context, name, out);
}

/* "cell=10.9" or "cell=10.9,10.9,5.4": the edges of a rectangular periodic cell. */
static bool cell_word(hop__span word, double edges[3]) {
    static const char name[] = "cell=";
    const size_t length = sizeof name - 1;
    if (word.length <= length || memcmp(word.start, name, length) != 0)
        return false;
    const char *at = word.start + length, *end = word.start + word.length;
    size_t count = 0;
    for (; count < 3 && at <= end; count++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const hop__span number = {at, (size_t)((comma ? comma : end) - at)};
        if (!hop__span_double(number, &edges[count]) ||
            !(edges[count] >= 0.1 && edges[count] <= 1e5))
            break;
        at += number.length + 1;
    }
    if (count == 1)
        edges[1] = edges[2] = edges[0];
    return at == end + 1 && count != 2;
}

/* What may follow potential and formula, in any order. */
static int parse_rest(hop_context *context, const hop__lines *lines, hop__span rest,
                      hop__task *task) {
    hop__span word;
    bool weighed = false;
    task->weight = 1.0;
    while (hop__span_word(&rest, &word)) {
        if (task->cell[0] == 0.0 && cell_word(word, task->cell))
            continue;
        if (weighed)
            return hop__parameter_error(context, lines,
                                        "potential, formula, weight and cell", word);
        weighed = true;
        if (hop__span_equals(word, "validation"))
            task->weight = 0.0;
        else if (!hop__span_double(word, &task->weight) || !(task->weight > 0.0))
            return hop__parameter_error(
                context, lines, "a positive weight, 'validation' or 'cell=10.9'", word);
    }
    return HOP_OK;
}

static int parse_task(hop_context *context, const hop__lines *lines, hop__span rest,
                      hop__task *task) {
    char name[MAX_WORD], formula[MAX_WORD];
    hop__span word = {rest.start, 0};
    if (!hop__span_word(&rest, &word) || !word_text(word, name))
        return hop__parameter_error(context, lines, "a potential", word);
    word = (hop__span){rest.start, 0};
    if (!hop__span_word(&rest, &word) || !word_text(word, formula))
        return hop__parameter_error(context, lines, "a formula", word);
    int status = parse_rest(context, lines, rest, task);
    if (status == HOP_OK)
        status = load_potential(context, name, &task->potential);
    if (status == HOP_OK)
        status = hop__formula_parse(context, formula, &task->numbers, &task->count);
    if (status == HOP_OK && task->count > MAX_TASK_ATOMS)
        status = hop__fail(context, HOP_ERROR_RANGE,
                           "'%.60s': expected at most %d atoms, got %zu", formula,
                           MAX_TASK_ATOMS, task->count);
    if (status != HOP_OK)
        return status;
    task->lengths = hop__allocate(context, 2 * task->count, sizeof *task->lengths);
    if (!task->lengths)
        return HOP_ERROR_MEMORY;
    task->energies = task->lengths + task->count;
    return hop__units_of(context, task->potential, task->count, task->numbers,
                         &task->units, task->lengths, task->energies);
}

/* "shake=0.4": an option of the learned optimizer. */
static int parse_setting(hop__tasks *tasks, const hop__lines *lines, hop__span word) {
    const char *equals = memchr(word.start, '=', word.length);
    const size_t length = equals ? (size_t)(equals - word.start) : word.length - 1;
    const hop__span before = {word.start, length},
                    after = {word.start + length + 1, word.length - length - 1};
    hop__task_setting *set = tasks->setting + tasks->settings;
    char name[MAX_WORD];
    if (!equals || !word_text(before, name) || !hop__span_double(after, &set->value))
        return hop__parameter_error(tasks->context, lines,
                                    "an option, such as shake=0.4", word);
    hop__settings check;
    const hop__option_table *table = hop__settings_table("learned");
    int status = hop__options_set(tasks->context, table, &check, name, set->value);
    if (status != HOP_OK)
        return status;
    set->name = hop__options_find(table, name)->name;
    tasks->settings++;
    return HOP_OK;
}

static int parse_settings(hop__tasks *tasks, const hop__lines *lines, hop__span rest) {
    hop__span word;
    while (hop__span_word(&rest, &word)) {
        hop__task_setting *grown =
            hop__resize(tasks->context, tasks->setting, tasks->settings + 1,
                        sizeof *tasks->setting);
        if (!grown)
            return HOP_ERROR_MEMORY;
        tasks->setting = grown;
        int status = parse_setting(tasks, lines, word);
        if (status == HOP_ERROR_ARGUMENT) /* say on which line it is */
            return hop__fail(tasks->context, HOP_ERROR_FORMAT, "%.150s:%lld: %.300s",
                             lines->name, (long long)lines->number,
                             hop_error_message(tasks->context));
        if (status != HOP_OK)
            return status;
    }
    return HOP_OK;
}

/* True for a line of settings; `rest` is what follows. */
static bool settings_line(hop__span line, hop__span *rest) {
    hop__span word;
    *rest = line;
    return hop__span_word(rest, &word) && hop__span_equals(word, "set");
}

static int parse_all(hop__tasks *tasks, const char *name, const char *text,
                     size_t size) {
    hop__lines lines;
    hop__span line;
    const char *nul =
        memchr(text, '\0', size); /* checkpoints keep the text as a string */
    if (nul)
        return hop__fail(tasks->context, HOP_ERROR_FORMAT,
                         "%.300s: expected text, got a NUL at byte %zu", name,
                         (size_t)(nul - text));
    hop__lines_start(&lines, name, text, size);
    while (hop__parameter_line(&lines, &line)) {
        hop__span rest;
        if (settings_line(line, &rest)) {
            int status = parse_settings(tasks, &lines, rest);
            if (status != HOP_OK)
                return status;
            continue;
        }
        if (tasks->count == MAX_TASKS)
            return hop__parameter_error(tasks->context, &lines, "at most 1000 tasks",
                                        line);
        hop__task *grown = hop__resize(tasks->context, tasks->task, tasks->count + 1,
                                       sizeof *tasks->task);
        if (!grown)
            return HOP_ERROR_MEMORY;
        tasks->task = grown;
        hop__task *task = &grown[tasks->count++];
        task->settings = tasks->settings;
        int status = parse_task(tasks->context, &lines, line, task);
        if (status == HOP_ERROR_FORMAT || status == HOP_ERROR_MEMORY)
            return status;
        if (status != HOP_OK) /* of a potential or a formula: say on which line it is */
            return hop__fail(tasks->context, status, "%.150s:%lld: %.300s", name,
                             (long long)lines.number,
                             hop_error_message(tasks->context));
        if (task->count > tasks->most_atoms)
            tasks->most_atoms = task->count;
        tasks->validations += task->weight == 0.0;
    }
    if (tasks->count == tasks->validations)
        return hop__fail(tasks->context, HOP_ERROR_FORMAT,
                         "%.300s: expected at least one task to train on, got none",
                         name);
    return HOP_OK;
}

int hop__tasks_parse(hop_context *context, const char *name, const char *text,
                     size_t size, hop__tasks **out) {
    *out = NULL;
    hop__tasks *tasks = hop__allocate(context, 1, sizeof *tasks);
    if (!tasks)
        return HOP_ERROR_MEMORY;
    tasks->context = context;
    tasks->text = hop__allocate(context, size + 1, 1);
    int status = tasks->text ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK) {
        memcpy(tasks->text, text, size);
        status = parse_all(tasks, name, text, size);
    }
    if (status != HOP_OK)
        hop__tasks_free(tasks);
    else
        *out = tasks;
    return status;
}
