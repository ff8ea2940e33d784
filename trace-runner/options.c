#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "bpf/compile.h"
#include "util/str.h"

#define PID_MAX 0x400000

enum {
	OPT_BENCH = 1000,
	OPT_CONTAINER,
	OPT_CONTAINER_ID,
	OPT_CONTAINER_PIDS,
	OPT_DEADLINE,
	OPT_DEBUGINFO,
	OPT_DRY_RUN,
	OPT_DWARF_PID,
	OPT_EMIT_ELF,
	OPT_FILES,
	OPT_FMT,
	OPT_HOST_ROOT,
	OPT_INCLUDE,
	OPT_INFO,
	OPT_LLVM,
	OPT_MODE,
	OPT_NODE_NAME,
	OPT_NO_FEATURE,
	OPT_NO_WARNINGS,
	OPT_PACK_LINES,
	OPT_POD,
	OPT_POD_UID,
	OPT_PROBE_FILTER,
	OPT_PROCESS_SELECTOR,
	OPT_SCRIPT_NAME,
	OPT_STREAM,
	OPT_TEST,
	OPT_TRACEABLE_FUNCTIONS,
	OPT_UNSAFE,
	OPT_USDT_FILE_ACTIVATION,
	OPT_WHOLE_NODE,
};

static const char short_options[] = "d:bB:f:e:hlp:vqc:Vo:I:k";

static const struct option long_options[] = {
	{ "bench", no_argument, NULL, OPT_BENCH },
	{ "btf", no_argument, NULL, 'b' },
	{ "cmd", required_argument, NULL, 'c' },
	{ "container", required_argument, NULL, OPT_CONTAINER },
	{ "container-id", required_argument, NULL, OPT_CONTAINER_ID },
	{ "container-pids", no_argument, NULL, OPT_CONTAINER_PIDS },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "debug", required_argument, NULL, 'd' },
	{ "debuginfo", required_argument, NULL, OPT_DEBUGINFO },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "dump", required_argument, NULL, 'd' },
	{ "dwarf-pid", required_argument, NULL, OPT_DWARF_PID },
	{ "emit-elf", required_argument, NULL, OPT_EMIT_ELF },
	{ "emit-llvm", required_argument, NULL, OPT_LLVM },
	{ "files", required_argument, NULL, OPT_FILES },
	{ "fmt", no_argument, NULL, OPT_FMT },
	{ "help", no_argument, NULL, 'h' },
	{ "host-root", required_argument, NULL, OPT_HOST_ROOT },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "info", no_argument, NULL, OPT_INFO },
	{ "list", no_argument, NULL, 'l' },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "no-feature", required_argument, NULL, OPT_NO_FEATURE },
	{ "no-warnings", no_argument, NULL, OPT_NO_WARNINGS },
	{ "node-name", required_argument, NULL, OPT_NODE_NAME },
	{ "output", required_argument, NULL, 'o' },
	{ "pack-lines", no_argument, NULL, OPT_PACK_LINES },
	{ "pid", required_argument, NULL, 'p' },
	{ "pod", required_argument, NULL, OPT_POD },
	{ "pod-uid", required_argument, NULL, OPT_POD_UID },
	{ "probe-filter", required_argument, NULL, OPT_PROBE_FILTER },
	{ "process-selector", required_argument, NULL, OPT_PROCESS_SELECTOR },
	{ "quiet", no_argument, NULL, 'q' },
	{ "script-name", required_argument, NULL, OPT_SCRIPT_NAME },
	{ "stream", no_argument, NULL, OPT_STREAM },
	{ "test", no_argument, NULL, OPT_TEST },
	{ "traceable-functions", required_argument, NULL, OPT_TRACEABLE_FUNCTIONS },
	{ "unsafe", no_argument, NULL, OPT_UNSAFE },
	{ "usage", no_argument, NULL, 'h' },
	{ "usdt-file-activation", no_argument, NULL, OPT_USDT_FILE_ACTIVATION },
	{ "verbose", no_argument, NULL, 'v' },
	{ "verify-llvm-ir", no_argument, NULL, OPT_LLVM },
	{ "version", no_argument, NULL, 'V' },
	{ "warnings", no_argument, NULL, 'k' },
	{ "whole-node", no_argument, NULL, OPT_WHOLE_NODE },
	{ 0 },
};

/* Options of bpftrace that would do nothing here. */
static const struct {
	int option;
	const char *why;
} not_here[] = {
	{ OPT_EMIT_ELF,
	  "--emit-elf: programs are loaded without an ELF file (-d bpf prints them)" },
	{ OPT_FMT, "--fmt: there is no formatter here" },
	{ OPT_LLVM, "--emit-llvm and --verify-llvm-ir: there is no LLVM here (try -d ir)" },
};

/* A word of an option's value and what it stands for. */
struct word {
	const char *name;
	unsigned int value;
	unsigned int debug;
};

/* In bpftrace's words and in ours. */
static const struct word stages[] = {
	{ "all", STAGE_AST | STAGE_SEMA | STAGE_IR | STAGE_OPT | STAGE_BPF, 0 },
	{ "ast", STAGE_AST, 0 },
	{ "bpf", STAGE_BPF, 0 },
	{ "codegen", STAGE_IR, 0 },
	{ "codegen-opt", STAGE_OPT, 0 },
	{ "dis", STAGE_BPF, 0 },
	{ "ir", STAGE_IR, 0 },
	{ "libbpf", 0, DEBUG_LOAD },
	{ "opt", STAGE_OPT, 0 },
	{ "parse", STAGE_AST, 0 },
	{ "sema", STAGE_SEMA, 0 },
	{ "types", STAGE_SEMA, 0 },
	{ "verifier", 0, DEBUG_VERIFIER },
	{ NULL, 0, 0 },
};

static const struct word modes[] = {
	{ "bench", MODE_BENCH, 0 },
	{ "codegen", MODE_CODEGEN, 0 },
	{ "compiler-bench", MODE_COMPILER_BENCH, 0 },
	{ "test", MODE_TEST, 0 },
	{ NULL, 0, 0 },
};

static const struct word bufferings[] = {
	{ "full", BUFFERING_FULL, 0 },
	{ "line", BUFFERING_LINE, 0 },
	{ "none", BUFFERING_NONE, 0 },
	{ NULL, 0, 0 },
};

static const struct word *find_word(const struct word *words, const char *name, size_t len)
{
	for (; words->name; words++) {
		if (strlen(words->name) == len && memcmp(words->name, name, len) == 0)
			return words;
	}
	return NULL;
}

/* Calls @fn for each of the comma-separated words of @list that isn't empty. */
static int each_word(struct options *o, const char *list, struct err *err,
		     int (*fn)(struct options *o, const char *word, size_t len, struct err *err))
{
	while (*list) {
		size_t len = strcspn(list, ",");
		int r = len ? fn(o, list, len, err) : 0;

		if (r < 0)
			return r;
		list += len + (list[len] == ',');
	}
	return 0;
}

static int add_stage(struct options *o, const char *word, size_t len, struct err *err)
{
	const struct word *stage = find_word(stages, word, len);

	if (!stage)
		return err_set(err, -EINVAL, "USAGE: invalid option for -d: %.*s", (int)len, word);
	o->dump |= stage->value;
	o->debug |= stage->debug;
	return 0;
}

static int add_no_feature(struct options *o, const char *word, size_t len, struct err *err)
{
	if (len == strlen("kprobe_multi") && memcmp(word, "kprobe_multi", len) == 0)
		o->no_kprobe_multi = true;
	else if (len == strlen("kprobe_session") && memcmp(word, "kprobe_session", len) == 0)
		o->no_kprobe_session = true;
	else if (len == strlen("uprobe_multi") && memcmp(word, "uprobe_multi", len) == 0)
		o->no_uprobe_multi = true;
	else
		return err_set(err, -EINVAL,
			       "USAGE: --no-feature can only have values "
			       "'kprobe_multi,kprobe_session,uprobe_multi'.");
	return 0;
}

static int parse_pid(uint32_t *out, const char *text, struct err *err)
{
	uint64_t pid;

	if (text[0] < '0' || text[0] > '9')
		return err_set(err, -EINVAL, "Failed to parse pid: invalid integer: %s", text);
	if (parse_u64(&pid, text, 0) < 0)
		return err_set(err, -EINVAL, "Failed to parse pid: invalid trailing bytes: %s",
			       text);
	if (pid > PID_MAX)
		return err_set(err, -EINVAL, "Pid out of range: %s", text);
	*out = (uint32_t)pid;
	return 0;
}

static int set_mode(struct options *o, enum options_mode mode, const char *option, struct err *err)
{
	if (o->mode != MODE_RUN)
		return err_set(err, -EINVAL, "USAGE: %s conflicts with existing --mode", option);
	o->mode = mode;
	return 0;
}

static int set_mode_by_name(struct options *o, const char *name, struct err *err)
{
	const struct word *mode = find_word(modes, name, strlen(name));

	if (!mode)
		return err_set(err, -EINVAL,
			       "USAGE: --mode can only be 'codegen', 'compiler-bench', 'bench' or "
			       "'test'.");
	o->mode = mode->value;
	return 0;
}

static int set_buffering(struct options *o, const char *name, struct err *err)
{
	const struct word *mode = find_word(bufferings, name, strlen(name));

	if (!mode)
		return err_set(err, -EINVAL, "USAGE: -B must be either 'line', 'full', or 'none'.");
	o->buffering = mode->value;
	return 0;
}

static int set_warnings(struct options *o, bool more, struct err *err)
{
	if (more && o->warn_helpers)
		return err_set(err, -EINVAL,
			       "USAGE: -kk has been deprecated. Use a single -k for runtime "
			       "warnings for errors in map lookups and probe reads.");
	if (more ? o->no_warnings : o->warn_helpers)
		return err_set(err, -EINVAL, "USAGE: -k, --warnings conflicts with --no-warnings");
	if (more)
		o->warn_helpers = true;
	else
		o->no_warnings = true;
	return 0;
}

static int set_deadline(struct options *o, const char *text, struct err *err)
{
	size_t len = strlen(text);
	char digits[24];

	/* "30" or "30s". */
	if (len > 1 && text[len - 1] == 's')
		len--;
	if (len < sizeof(digits)) {
		memcpy(digits, text, len);
		digits[len] = '\0';
		if (parse_u64(&o->deadline_s, digits, 10) == 0 && o->deadline_s > 0 &&
		    o->deadline_s < UINT32_MAX)
			return 0;
	}
	return err_set(err, -EINVAL, "USAGE: --deadline must be a number of seconds: %s", text);
}

/* Options whose value is kept as it is; false: not one of them. */
static bool set_text(struct options *o, int option, const char *value)
{
	const char **place;

	switch (option) {
	case 'c': place = &o->command; break;
	case 'e': place = &o->script; break;
	case 'f': place = &o->format; break;
	case 'o': place = &o->output_file; break;
	case OPT_FILES: place = &o->files; break;
	case OPT_HOST_ROOT: place = &o->host_root; break;
	case OPT_NODE_NAME: place = &o->node_name; break;
	case OPT_PROBE_FILTER: place = &o->probe_filter; break;
	case OPT_PROCESS_SELECTOR: place = &o->selector; break;
	case OPT_SCRIPT_NAME: place = &o->script_name; break;
	case OPT_TRACEABLE_FUNCTIONS: place = &o->traceable_functions; break;
	default: return false;
	}
	*place = value;
	return true;
}

static const char **name_part(struct container_name *name, int option)
{
	switch (option) {
	case OPT_CONTAINER: return &name->container;
	case OPT_CONTAINER_ID: return &name->id;
	case OPT_POD: return &name->pod;
	case OPT_POD_UID: return &name->pod_uid;
	default: return NULL;
	}
}

/* What the last container has already begins the next one; false: not one of these options. */
static bool set_container(struct options *o, int option, const char *value)
{
	struct container_name next = { 0 };
	const char **place = name_part(&next, option);

	if (!place)
		return false;
	if (o->containers.len && !*name_part(&vec_last(&o->containers), option)) {
		*name_part(&vec_last(&o->containers), option) = value;
	} else {
		*place = value;
		vec_push(NULL, &o->containers, next);
	}
	return true;
}

/* Options that say yes to something; false: not one of them. */
static bool set_flag(struct options *o, int option)
{
	switch (option) {
	case 'b': break; // kept for old command lines
	case 'q': o->is_quiet = true; break;
	case 'v': o->is_verbose = true; break;
	case OPT_CONTAINER_PIDS: o->container_pids = true; break;
	case OPT_DRY_RUN: o->is_dry_run = true; break;
	case OPT_PACK_LINES: o->packs_lines = true; break;
	case OPT_STREAM: o->is_stream = true; break;
	case OPT_UNSAFE: o->is_unsafe = true; break;
	case OPT_USDT_FILE_ACTIVATION: o->usdt_file_activation = true; break;
	case OPT_WHOLE_NODE: o->is_whole_node = true; break;
	default: return false;
	}
	return true;
}

static int refuse(struct options *o, int option, struct err *err)
{
	for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++) {
		if (not_here[i].option == option)
			return err_set(err, -ENOTSUP, "%s", not_here[i].why);
	}
	o->action = ACTION_USAGE;
	return -EINVAL;
}

static int set_option(struct options *o, int option, const char *value, struct err *err)
{
	uint32_t pid = 0;
	int r;

	if (set_text(o, option, value) || set_flag(o, option) || set_container(o, option, value))
		return 0;
	switch (option) {
	case 'B': return set_buffering(o, value, err);
	case 'I': vec_push(NULL, &o->include_dirs, value); return 0;
	case 'd': return each_word(o, value, err, add_stage);
	case 'k': return set_warnings(o, true, err);
	case 'l': o->action = ACTION_LIST; return 0;
	case 'p': return parse_pid(&o->pid, value, err);
	case OPT_BENCH: return set_mode(o, MODE_BENCH, "--bench", err);
	case OPT_DEADLINE: return set_deadline(o, value, err);
	case OPT_DEBUGINFO: vec_push(NULL, &o->debuginfo, value); return 0;
	case OPT_INCLUDE: vec_push(NULL, &o->includes, value); return 0;
	case OPT_MODE: return set_mode_by_name(o, value, err);
	case OPT_NO_FEATURE: return each_word(o, value, err, add_no_feature);
	case OPT_NO_WARNINGS: return set_warnings(o, false, err);
	case OPT_TEST: return set_mode(o, MODE_TEST, "--test", err);
	case OPT_DWARF_PID:
		r = parse_pid(&pid, value, err);
		if (r == 0)
			vec_push(NULL, &o->dwarf_pids, pid);
		return r;
	default: return refuse(o, option, err);
	}
}

/* What is left of the command line after the options, from argv[@i] on. */
static int set_operands(struct options *o, int argc, char **argv, int i, struct err *err)
{
	if (o->action == ACTION_LIST) {
		if (argc - i > 1) {
			o->action = ACTION_USAGE;
			return -EINVAL;
		}
		o->search = i < argc ? argv[i] : "*:*";
		if (i < argc && access(argv[i], F_OK) == 0)
			o->filename = argv[i];
		if (strcmp(o->search, "*") == 0)
			o->search = "*:*";
		return 0;
	}
	if ((!o->script || !o->script[0]) && i >= argc)
		return err_set(err, -EINVAL, "USAGE: filename or -e 'program' required.");
	if (!o->script || !o->script[0]) {
		o->script = NULL;
		o->filename = argv[i++];
	}
	for (; i < argc; i++)
		vec_push(NULL, &o->params, argv[i]);
	return 0;
}

int options_parse(struct options *out, int argc, char **argv, struct err *err)
{
	struct options o = { .action = ACTION_RUN };
	int option;
	int r = 0;

	optind = 0; // from the start, also in tests
	while (r == 0 &&
	       (option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		/* These need nothing else of the command line, so what follows is not looked at. */
		if (option == 'h' || option == 'V' || option == OPT_INFO) {
			o.action = option == 'h'   ? ACTION_HELP
				   : option == 'V' ? ACTION_VERSION
						   : ACTION_INFO;
			*out = o;
			return 0;
		}
		r = set_option(&o, option, optarg, err);
	}
	if (r == 0 && argc == 1) {
		o.action = ACTION_USAGE;
		r = -EINVAL;
	}
	if (r == 0 && o.command && o.command[0] && o.pid)
		r = err_set(err, -EINVAL, "USAGE: Cannot use both -c and -p.");
	if (r == 0)
		r = set_operands(&o, argc, argv, optind, err);
	*out = o;
	return r;
}

void options_finish(struct options *o)
{
	vec_finish(&o->containers);
	vec_finish(&o->params);
	vec_finish(&o->include_dirs);
	vec_finish(&o->includes);
	vec_finish(&o->debuginfo);
	vec_finish(&o->dwarf_pids);
}
