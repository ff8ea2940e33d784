#include "info.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kern/features.h"

/* The version of the language. */
#define BPFTRACE_VERSION "v0.27.1"
#define COLUMN_WIDTH     35

struct item {
	const char *name;
	const char *value;
};

static const char *yes(bool is_there)
{
	return is_there ? "yes" : "no";
}

static void print_table(FILE *out, const char *title, const struct item *items, size_t count)
{
	char cell[64];

	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < count; i += 2) {
		snprintf(cell, sizeof(cell), "  %s: %s", items[i].name, items[i].value);
		fprintf(out, "%-*s", COLUMN_WIDTH, cell);
		if (i + 1 < count)
			fprintf(out, "%s: %s", items[i + 1].name, items[i + 1].value);
		fputc('\n', out);
	}
}

static bool has_module_btf(void)
{
	DIR *folder = opendir("/sys/kernel/btf");
	const struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder)))
		found = entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux") != 0;
	if (folder)
		closedir(folder);
	return found;
}

void info_print(FILE *out, const struct features *f)
{
	const struct item helpers[] = {
		{ "dpath", yes(f->d_path) },
		{ "get_tai_ns", yes(f->ktime_get_tai_ns) },
		{ "get_func_ip", yes(f->get_func_ip) },
		{ "get_current_ancestor_cgroup_id", yes(f->ancestor_cgroup_id) },
		{ "lookup_percpu_elem", yes(f->map_lookup_percpu_elem) },
		{ "loop", yes(f->loop) },
		{ "for_each_map_elem", yes(f->for_each_map_elem) },
		{ "get_boot_ns", yes(f->ktime_get_boot_ns) },
		{ "get_current_task_btf", yes(f->get_current_task_btf) },
		{ "override_return", yes(f->override_return) },
		{ "send_signal", yes(f->send_signal) },
	};
	const struct item features[] = {
		{ "Instruction limit", f->large_insn_limit ? "1000000" : "4096" },
		{ "btf", yes(access("/sys/kernel/btf/vmlinux", R_OK) == 0) },
		{ "module btf", yes(has_module_btf()) },
		{ "ring buffer", yes(f->ringbuf) },
		{ "instruction set v4", yes(f->cpu_v4) },
		{ "cgroup v2", yes(f->cgroup_v2) },
	};
	const struct item probes[] = {
		{ "kprobe_multi", yes(f->kprobe_multi) },
		{ "uprobe_multi", yes(f->uprobe_multi) },
		{ "kprobe_session", "no" },
		{ "iter", yes(access("/sys/kernel/btf/vmlinux", R_OK) == 0) },
		{ "fentry", yes(features_has_fentry()) },
		{ "raw tracepoint with BTF", yes(f->btf_raw_tracepoint) },
	};
	struct utsname name;

	if (uname(&name) == 0)
		fprintf(out, "System\n  OS: %s %s %s\n  Arch: %s\n", name.sysname, name.release,
			name.version, name.machine);
	fprintf(out,
		"\nBuild\n  version: v%s\n  bpftrace language: %s\n  LLVM: none\n  bfd: no\n"
		"  libdw (DWARF support): yes\n  libsystemd (systemd notify support): no\n"
		"  blazesym (advanced symbolization): no\n"
		"  dwunwind (DWARF stack unwinding): no\n",
		VERSION, BPFTRACE_VERSION);
	print_table(out, "Kernel helpers", helpers, sizeof(helpers) / sizeof(helpers[0]));
	print_table(out, "Kernel features", features, sizeof(features) / sizeof(features[0]));
	print_table(out, "Probe types", probes, sizeof(probes) / sizeof(probes[0]));
	fputc('\n', out);
}

void info_print_version(FILE *out, const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	/* Scripts that were made for bpftrace ask it. */
	if (strcmp(slash ? slash + 1 : argv0, "bpftrace") == 0)
		fprintf(out, "bpftrace %s\n", BPFTRACE_VERSION);
	else
		fprintf(out, "trace-runner v%s (bpftrace %s)\n", VERSION, BPFTRACE_VERSION);
}
