#include "recipe.h"

#include <stdio.h>
#include <string.h>

#include "common.h"

/* Task files are named from where the recipe is. */
static void set_tasks(stage *s, const char *recipe, const char *name) {
    const char *slash = strrchr(recipe, '/');
    const int folder = slash && name[0] != '/' ? (int)(slash - recipe) + 1 : 0;
    if (snprintf(s->tasks, sizeof s->tasks, "%.*s%s", folder, recipe, name) >=
        (int)sizeof s->tasks)
        fail("%s: the path of %s is too long", recipe, name);
}

static void add_option(stage *s, const char *recipe, int line, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1] || strlen(text) >= sizeof s->option[0])
        fail("%s:%d: expected name=value, got '%s'", recipe, line, text);
    if (s->options == STAGE_OPTIONS)
        fail("%s:%d: expected at most %d options", recipe, line, STAGE_OPTIONS);
    snprintf(s->option[s->options++], sizeof s->option[0], "%s", text);
}

static void read_stage(stage *s, const char *recipe, int line, char *text) {
    char *at = text, *method = strtok_r(text, " \t\r\n", &at),
         *tasks = strtok_r(NULL, " \t\r\n", &at), *word;
    if (!tasks || strlen(method) >= sizeof s->method)
        fail("%s:%d: expected METHOD TASKS [NAME=VALUE ...], got '%s'", recipe, line,
             method);
    memset(s, 0, sizeof *s);
    snprintf(s->method, sizeof s->method, "%s", method);
    set_tasks(s, recipe, tasks);
    while ((word = strtok_r(NULL, " \t\r\n", &at)))
        add_option(s, recipe, line, word);
}

size_t read_recipe(const char *path, stage out[STAGES]) {
    FILE *file = fopen(path, "r");
    char text[4096];
    size_t count = 0;
    if (!file)
        fail("%s: cannot be read", path);
    for (int line = 1; fgets(text, sizeof text, file); line++) {
        text[strcspn(text, "#")] = '\0';
        if (!text[strspn(text, " \t\r\n")])
            continue;
        if (count == STAGES)
            fail("%s:%d: expected at most %d stages", path, line, STAGES);
        read_stage(&out[count++], path, line, text);
    }
    fclose(file);
    if (count == 0)
        fail("%s: expected a stage, found none", path);
    return count;
}
