#include "rejection.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define LOG_TAIL_LINES 12

/*
 * Instructions stand in the log as
 *     12: (85) call bpf_d_path#147
 */
long rejection_last_pc(const char *log)
{
	long pc = -1;

	for (const char *line = log; line && *line; line = strchr(line, '\n')) {
		char *end;
		long n;

		if (*line == '\n')
			line++;
		if (!isdigit((unsigned char)*line))
			continue;
		n = strtol(line, &end, 10);
		if (end[0] == ':' && end[1] == ' ' && end[2] == '(')
			pc = n;
	}
	return pc;
}

bool rejection_find_helper(const char *log, const char *what, char *name, size_t size)
{
	const char *at = strstr(log, what);
	const char *call = NULL;
	size_t len;

	if (!at)
		return false;
	for (const char *p = log; (p = strstr(p, " call ")) && p < at; p++)
		call = p + strlen(" call ");
	/* What is unknown is named by the complaint itself: "invalid func bpf_loop#181". */
	if (strstr(what, "func ") || strchr(what, '\''))
		call = at + strlen(what);
	if (!call)
		return false;
	len = strcspn(call, "#\n '");
	if (len == 0 || len >= size)
		return false;
	memcpy(name, call, len);
	name[len] = '\0';
	return true;
}

static struct span span_at(const struct image_program *p, long pc)
{
	struct span span = { .source = NULL };

	for (uint32_t i = 0; i < p->line_count && (long)p->lines[i].pc <= pc; i++)
		span = p->lines[i].span;
	if (!span.source && p->probe)
		span = p->probe->span;
	return span;
}

/* One known reason: false if the log says something else. */
static bool report_known(const struct image_program *p, const char *log)
{
	static const struct {
		const char *text; // in the log
		const char *message;
	} reasons[] = {
		{ "helper call is not allowed in probe", "helper %s not allowed in probe" },
		{ "program of this type cannot use helper ", "helper %s not allowed in probe" },
		{ "calling kernel function ", "kernel function %s not allowed in probe" },
		{ "invalid func ", "this kernel has no helper %s" },
		{ "unknown func ", "helper %s not supported by this kernel in this kind of probe" },
		{ "pointer arithmetic on ptr_or_null_ prohibited, null-check it first",
		  "helper %s: result needs to be null-checked before accessing fields" },
		{ "failed to find the address for kernel symbol '",
		  "the kernel does not know the address of %s (CONFIG_KALLSYMS_ALL)" },
	};
	char name[64];

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!rejection_find_helper(log, reasons[i].text, name, sizeof(name)))
			continue;
		message_at(DIAG_ERROR, span_at(p, rejection_last_pc(log)), reasons[i].message,
			   name);
		return true;
	}
	return false;
}

static const char *program_type_name(const struct image_program *p)
{
	switch (p->prog_type) {
	case BPF_PROG_TYPE_KPROBE: return "kprobe and uprobe";
	case BPF_PROG_TYPE_TRACEPOINT: return "tracepoint";
	case BPF_PROG_TYPE_PERF_EVENT: return "perf event";
	case BPF_PROG_TYPE_RAW_TRACEPOINT: return "raw tracepoint";
	case BPF_PROG_TYPE_TRACING:
		if (p->expected_attach_type == BPF_TRACE_ITER)
			return "iterator";
		return p->expected_attach_type == BPF_TRACE_RAW_TP ? "BTF raw tracepoint"
								   : "fentry and fexit";
	default: return "these";
	}
}

static const char *log_tail(const char *log)
{
	const char *p = log + strlen(log);
	int lines = 0;

	while (p > log && !(p[-1] == '\n' && ++lines > LOG_TAIL_LINES))
		p--;
	return p;
}

void rejection_report(const struct image_program *p, int code, const char *log)
{
	const char *name = p->attach_point_count ? p->attach_points[0]->name : p->name;

	if (report_known(p, log))
		return;
	if (!log[0]) {
		/* No log: the kernel did not even look at the instructions. */
		message_error("This kernel does not load %s programs, which %s needs: %s",
			      program_type_name(p), name, strerror(-code));
		return;
	}
	message_at(DIAG_ERROR, span_at(p, rejection_last_pc(log)),
		   "the kernel rejects the code generated for this (%s): %s. "
		   "This is a bug, please report it",
		   name, strerror(-code));
	fprintf(stderr, "The verifier says%s:\n%s%s",
		message_settings()->is_verbose ? ""
					       : ", at the end of its log (-v shows all of it)",
		message_settings()->is_verbose ? log : log_tail(log),
		log[strlen(log) - 1] == '\n' ? "" : "\n");
}

void rejection_report_trimmed(const struct image_program *p, uint32_t index, int code,
			      uint64_t log_size)
{
	message_error("Error loading BPF program for %s_%u. Error code: %d (%s).", p->name,
		      index + 1, code, strerror(-code));
	message_warning("Kernel log seems to be trimmed. This may be due to buffer not being big "
			"enough, try increasing the BPFTRACE_LOG_SIZE environment variable beyond "
			"the current value of %" PRIu64 " bytes. Or, add the configuration "
			"`config = { log_size = N; }` to the script.",
			log_size);
}
