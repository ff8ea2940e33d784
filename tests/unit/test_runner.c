/*
 * trace-runner: the command line, the script's text, what is made of a rejection's log, the size of
 * the ring buffer.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../trace-runner/load.h"
#include "../../trace-runner/options.h"
#include "../../trace-runner/rejection.h"
#include "../../trace-runner/ring.h"
#include "../../trace-runner/script.h"
#include "bpf/compile.h"
#include "lang/config.h"

#define ARGS_MAX 16

/* Parse "trace-runner ARGS…"; the list ends in NULL. */
static int parse(struct options *o, struct err *err, ...)
{
	char *argv[ARGS_MAX] = { (char *)(uintptr_t) "trace-runner" };
	int argc = 1;
	va_list ap;

	va_start(ap, err);
	while (argc < ARGS_MAX - 1 && (argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	memset(err, 0, sizeof(*err));
	return options_parse(o, argc, argv, err);
}

static void options_of_a_script(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "-f", "json", "-o", "out", "tool.bt", "1", "two", NULL),
			 0);
	assert_int_equal(o.action, ACTION_RUN);
	assert_string_equal(o.filename, "tool.bt");
	assert_null(o.script);
	assert_string_equal(o.format, "json");
	assert_string_equal(o.output_file, "out");
	assert_int_equal(o.params.len, 2);
	assert_string_equal(o.params.data[1], "two");
	options_finish(&o);
}

static void options_after_the_script(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "-e", "begin {}", "a", "-q", "--", "--x=1", "-c", NULL),
			 0);
	assert_true(o.is_quiet);
	assert_string_equal(o.script, "begin {}");
	assert_int_equal(o.params.len, 3);
	assert_string_equal(o.params.data[0], "a");
	assert_string_equal(o.params.data[1], "--x=1");
	assert_string_equal(o.params.data[2], "-c");
	options_finish(&o);
}

static void options_list(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "-lv", NULL), 0);
	assert_int_equal(o.action, ACTION_LIST);
	assert_true(o.is_verbose);
	assert_string_equal(o.search, "*:*");
	options_finish(&o);
	assert_int_equal(parse(&o, &err, "-l", "kprobe:*", NULL), 0);
	assert_string_equal(o.search, "kprobe:*");
	assert_null(o.filename);
	options_finish(&o);
	assert_int_equal(parse(&o, &err, "-l", "a", "b", NULL), -EINVAL);
	assert_int_equal(o.action, ACTION_USAGE);
	options_finish(&o);
}

static void options_errors(void **state)
{
	static const struct {
		const char *args[4];
		const char *message;
	} cases[] = {
		{ { "-p", "a1111", "x" }, "Failed to parse pid: invalid integer: a1111" },
		{ { "-p", "111a1", "x" }, "Failed to parse pid: invalid trailing bytes: 111a1" },
		{ { "-p", "5000000", "x" }, "Pid out of range: 5000000" },
		{ { "-q" }, "USAGE: filename or -e 'program' required." },
		{ { "-d", "ast,nonsense", "x" }, "USAGE: invalid option for -d: nonsense" },
		{ { "-B", "some", "x" }, "USAGE: -B must be either 'line', 'full', or 'none'." },
		{ { "-k", "--no-warnings", "x" },
		  "USAGE: -k, --warnings conflicts with --no-warnings" },
		{ { "--test", "--bench", "x" }, "USAGE: --bench conflicts with existing --mode" },
		{ { "-c", "ls", "-p", "1" }, "USAGE: Cannot use both -c and -p." },
		{ { "--deadline", "soon", "x" },
		  "USAGE: --deadline must be a number of seconds: soon" },
	};
	struct options o;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const *a = cases[i].args;

		assert_int_equal(parse(&o, &err, a[0], a[1], a[2], a[3], NULL), -EINVAL);
		assert_string_equal(err.msg, cases[i].message);
		options_finish(&o);
	}
}

static void options_stages(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "-d", "ast,codegen-opt", "-d", "verifier", "x", NULL), 0);
	assert_int_equal(o.dump, STAGE_AST | STAGE_OPT);
	assert_int_equal(o.debug, DEBUG_VERIFIER);
	options_finish(&o);
	assert_int_equal(parse(&o, &err, "-d", "all", "x", NULL), 0);
	assert_int_equal(o.dump, STAGE_AST | STAGE_SEMA | STAGE_IR | STAGE_OPT | STAGE_BPF);
	options_finish(&o);
}

static void options_of_a_pod(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "--container-id", "containerd://abc", "--deadline", "30s",
			       "--whole-node", "--no-feature", "uprobe_multi", "-e", "x", NULL),
			 0);
	assert_int_equal(o.containers.len, 1);
	assert_string_equal(o.containers.data[0].id, "containerd://abc");
	assert_int_equal(o.deadline_s, 30);
	assert_true(o.is_whole_node);
	assert_true(o.no_uprobe_multi);
	assert_false(o.no_kprobe_multi);
	options_finish(&o);
}

/* An option that a container has already begins the next one. */
static void options_of_several_containers(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, &err, "--container-id=a", "--pod-uid=1", "--pod=ns/a",
			       "--container=app", "--container-id=b", "--pod-uid=2", "--pod=ns/b",
			       "--container=app", "--pod=ns/c", "-e", "x", NULL),
			 0);
	assert_int_equal(o.containers.len, 3);
	assert_string_equal(o.containers.data[0].pod, "ns/a");
	assert_string_equal(o.containers.data[1].id, "b");
	assert_string_equal(o.containers.data[1].container, "app");
	assert_string_equal(o.containers.data[2].pod, "ns/c");
	assert_null(o.containers.data[2].id);
	options_finish(&o);
}

static void script_text(void **state)
{
	struct source *source = NULL;
	struct arena a;
	struct err err;

	(void)state;
	arena_init(&a);
	assert_int_equal(script_read(&source, &a, "begin {}", NULL, NULL, &err), 0);
	assert_string_equal(source->name, "stdin");
	assert_string_equal(source->text, "begin {}");
	assert_int_equal(script_read(&source, &a, NULL, "no/such/file.bt", NULL, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "failed to open file 'no/such/file.bt': No such file or directory");
	arena_finish(&a);
}

static void rejection_names_the_helper(void **state)
{
	static const char log[] = "0: R1=ctx() R10=fp0\n"
				  "36: (b7) r3 = 64                      ; R3_w=64\n"
				  "37: (85) call bpf_d_path#147\n"
				  "helper call is not allowed in probe\n"
				  "processed 3 insns (limit 1000000)\n";
	char name[32];

	(void)state;
	assert_int_equal(rejection_last_pc(log), 37);
	assert_true(rejection_find_helper(log, "helper call is not allowed in probe", name,
					  sizeof(name)));
	assert_string_equal(name, "bpf_d_path");
	assert_false(rejection_find_helper(log, "invalid func ", name, sizeof(name)));
	assert_true(rejection_find_helper("1: (85) call unknown#181\ninvalid func unknown#181\n",
					  "invalid func ", name, sizeof(name)));
	assert_true(rejection_find_helper("ldimm64 failed to find the address for kernel symbol "
					  "'runqueues'.\n",
					  "failed to find the address for kernel symbol '", name,
					  sizeof(name)));
	assert_string_equal(name, "runqueues");
	assert_int_equal(rejection_last_pc(""), -1);
}

static void ring_size(void **state)
{
	struct config config = { 0 };

	(void)state;
	assert_int_equal(load_ring_bytes(&config, 1 << 24, 4096) & (4096 - 1), 0);
	assert_true(load_ring_bytes(&config, 1 << 24, 4096) >=
		    load_ring_bytes(&config, 1 << 14, 4096));
	assert_int_equal(load_ring_bytes(&config, 0, 4096), 256 << 10);
	config.perf_rb_pages = 3;
	assert_int_equal(load_ring_bytes(&config, 1 << 24, 4096), 4 * 4096);
	config.perf_rb_pages = 64;
	assert_int_equal(load_ring_bytes(&config, 1 << 24, 4096), 64 * 4096);
}

#define RING_BYTES 64

/* A buffer as the kernel lays it out, without a kernel. */
struct fake_ring {
	uint64_t consumer;
	uint64_t producer;
	_Alignas(8) unsigned char data[RING_BYTES];
	struct ring ring;
};

static void fake_init(struct fake_ring *f)
{
	memset(f, 0, sizeof(*f));
	f->ring = (struct ring){ .fd = 0,
				 .size = RING_BYTES,
				 .consumer = &f->consumer,
				 .producer = &f->producer,
				 .data = f->data };
}

static void fake_write(struct fake_ring *f, const char *text, uint32_t flags)
{
	uint32_t header[2] = { (uint32_t)strlen(text) | flags, 0 };
	uint64_t at = f->producer;

	memcpy(f->data + at % RING_BYTES, header, sizeof(header));
	for (size_t i = 0; i < strlen(text); i++)
		f->data[(at + sizeof(header) + i) % RING_BYTES] = (unsigned char)text[i];
	f->producer = (at + sizeof(header) + strlen(text) + 7) / 8 * 8;
}

static void assert_record(struct fake_ring *f, const char *text)
{
	size_t len = 0;
	const void *record = ring_next(&f->ring, &len);

	assert_non_null(record);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(record, text, len);
}

static void ring_in_order(void **state)
{
	struct fake_ring f;
	size_t len;

	(void)state;
	fake_init(&f);
	assert_null(ring_next(&f.ring, &len));
	fake_write(&f, "one", 0);
	fake_write(&f, "discarded", BPF_RINGBUF_DISCARD_BIT);
	fake_write(&f, "two", 0);
	assert_record(&f, "one");
	assert_record(&f, "two");
	assert_null(ring_next(&f.ring, &len));
	assert_int_equal(ring_pending(&f.ring), 0);
	ring_release(&f.ring);
	assert_int_equal(f.consumer, f.producer);
}

static void ring_waits_for_busy_records(void **state)
{
	struct fake_ring f;
	size_t len;
	uint32_t length = 3;

	(void)state;
	fake_init(&f);
	fake_write(&f, "one", BPF_RINGBUF_BUSY_BIT);
	fake_write(&f, "two", 0);
	assert_null(ring_next(&f.ring, &len));
	memcpy(f.data, &length, sizeof(length));
	assert_record(&f, "one");
	assert_record(&f, "two");
}

static void ring_joins_wrapped_records(void **state)
{
	struct fake_ring f;

	(void)state;
	fake_init(&f);
	fake_write(&f, "0123456789012345678901234567890123456789", 0); // 48 bytes
	assert_record(&f, "0123456789012345678901234567890123456789");
	ring_release(&f.ring);
	fake_write(&f, "around the corner", 0);
	assert_record(&f, "around the corner");
	free(f.ring.wrapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_a_script),
		cmocka_unit_test(options_after_the_script),
		cmocka_unit_test(options_list),
		cmocka_unit_test(options_errors),
		cmocka_unit_test(options_stages),
		cmocka_unit_test(options_of_a_pod),
		cmocka_unit_test(options_of_several_containers),
		cmocka_unit_test(script_text),
		cmocka_unit_test(rejection_names_the_helper),
		cmocka_unit_test(ring_size),
		cmocka_unit_test(ring_in_order),
		cmocka_unit_test(ring_waits_for_busy_records),
		cmocka_unit_test(ring_joins_wrapped_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
