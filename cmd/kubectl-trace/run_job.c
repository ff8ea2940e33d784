#include <errno.h>
#include <string.h>

#include "run.h"
#include "runner.h"

#define MAX_RUNNER_BYTES (64 << 20)

/* Which container(s) on the node, for the runner: a group of flags for each. */
static void push_containers(run_argv *argv, struct arena *a, const struct kube_target *t)
{
	vec_foreach (&t->containers, c) {
		vec_push(a, argv, arena_printf(a, "--container-id=%s", c->container->id));
		vec_push(a, argv, arena_printf(a, "--pod-uid=%s", c->pod->uid));
		vec_push(a, argv, arena_printf(a, "--pod=%s/%s", c->pod->namespace, c->pod->name));
		vec_push(a, argv, arena_printf(a, "--container=%s", c->container->name));
	}
}

static const char *const *make_command(struct arena *a, const struct run_options *o,
				       const struct kube_target *t, bool is_merged,
				       const struct run_carrier *carrier)
{
	run_argv argv = { 0 };

	if (carrier) {
		vec_push(a, &argv, KUBE_PROGRAM_DIR "/" KUBE_STAGE1_FILE);
		vec_push(a, &argv, carrier->bundle.sha256);
		vec_push(a, &argv, arena_printf(a, "%zu", carrier->bundle.part_count));
	}
	vec_push(a, &argv, carrier ? "trace-runner" : "/trace-runner");
	run_push_flags(&argv, a, o);
	vec_push(a, &argv, arena_printf(a, "--node-name=%s", t->node));
	/* The person knows the file by its name here, not in the Job. */
	vec_push(a, &argv,
		 arena_printf(a, "--script-name=%s",
			      strcmp(o->script_name, "-") == 0 ? "stdin" : o->script_name));
	vec_push(a, &argv, "--pack-lines");
	if (o->files.len > 0)
		vec_push(a, &argv, "--files=" KUBE_PROGRAM_DIR "/" KUBE_IMPORTS_FILE);
	if (is_merged)
		vec_push(a, &argv, "--stream");
	push_containers(&argv, a, t);
	vec_push(a, &argv, KUBE_PROGRAM_DIR "/" KUBE_PROGRAM_FILE);
	run_push_script_args(&argv, a, o);
	vec_push(a, &argv, NULL);
	return argv.data;
}

/* The contents of a file, in @a. */
static int read_runner(const char **data, size_t *len, struct arena *a, const char *arch,
		       struct err *err)
{
	struct buf file;
	const char *path;
	int ret = runner_find(&path, a, arch, err);

	if (ret < 0)
		return ret;
	buf_init(&file, MAX_RUNNER_BYTES);
	ret = buf_read_file(&file, path);
	if (ret < 0)
		err_errno(err, ret, "cannot read '%s'", path);
	*data = arena_memdup(a, buf_cstr(&file), file.len);
	*len = file.len;
	buf_finish(&file);
	return ret;
}

static int make_carrier(struct run_carrier *c, struct arena *a, const char *arch, struct err *err)
{
	struct buf stage1;
	const char *data = NULL;
	size_t len = 0;
	int ret = read_runner(&data, &len, a, arch, err);

	if (ret < 0)
		return ret;
	c->arch = arch;
	kube_bundle_init(&c->bundle, a, data, len);
	buf_init(&stage1, 1 << 20);
	ret = runner_read_stage1(&stage1, a, arch, err);
	if (ret == 0) {
		c->stage1 = arena_memdup(a, buf_cstr(&stage1), stage1.len);
		c->stage1_len = stage1.len;
	}
	buf_finish(&stage1);
	return ret;
}

/* The carrier for a target's architecture; the first time its ConfigMaps are created. */
static int get_carrier(const struct run_carrier **out, struct run_jobs *jobs, struct arena *a,
		       struct kube_client *client, const struct kube_target *t, struct err *err)
{
	const char *arch = t->info && *t->info->arch ? t->info->arch : runner_native_arch();
	struct run_carrier *c;
	int ret;

	vec_foreach (&jobs->carriers, have) {
		if (strcmp((*have)->arch, arch) == 0) {
			*out = *have;
			return 0;
		}
	}
	c = arena_new(a, struct run_carrier);
	ret = make_carrier(c, a, arch, err);
	if (ret == 0)
		ret = kube_bundle_ensure(client, &c->bundle, kube_client_namespace(client), err);
	if (ret < 0)
		return ret;
	vec_push(a, &jobs->carriers, c);
	*out = c;
	return 0;
}

/*
 * An image that the node has, to run the first stage in: anything will do, as it brings along all
 * it needs.  The pause image is on every node and is never removed while pods run; else the
 * smallest.
 */
static const char *choose_image(const struct kube_target *t, struct err *err)
{
	const struct kube_image *best = NULL;
	bool is_best_pause = false;

	if (!t->info && t->containers.len && t->containers.data[0].container->image)
		return t->containers.data[0].container->image;
	if (!t->info) {
		err_set(err, -EACCES,
			"you may not look at node \"%s\", so which images it has is not "
			"known: use --image",
			t->node);
		return NULL;
	}
	for (size_t i = 0; i < t->info->image_count; i++) {
		const struct kube_image *image = &t->info->images[i];
		bool is_pause = strstr(image->name, "/pause") && !strchr(image->name, '@');

		if (!best || (is_pause && !is_best_pause) ||
		    (is_pause == is_best_pause && image->size_bytes < best->size_bytes)) {
			best = image;
			is_best_pause = is_pause;
		}
	}
	if (!best) {
		err_set(err, -ENOENT, "node \"%s\" reports no image to run in: use --image",
			t->node);
		return NULL;
	}
	return best->name;
}

/* What the lines from a target are marked with: a single pod's name says more than its node's. */
static const char *make_label(struct arena *a, const struct kube_target *t)
{
	if (t->containers.len == 1)
		return arena_printf(a, "pod/%s", t->containers.data[0].pod->name);
	if (t->containers.len > 1)
		return arena_printf(a, "%s on %s", t->text, t->node);
	return t->text;
}

/* What the Job runs, and in which image. */
static int set_runner(struct kube_job_spec *spec, struct run_jobs *jobs, struct arena *a,
		      struct kube_client *client, const struct run_options *o,
		      const struct kube_target *t, bool is_merged, struct err *err)
{
	const struct run_carrier *carrier = NULL;
	int ret;

	if (!o->image) {
		ret = get_carrier(&carrier, jobs, a, client, t, err);
		if (ret < 0)
			return ret;
		spec->bundle = carrier->bundle.names;
		spec->stage1 = carrier->stage1;
		spec->stage1_len = carrier->stage1_len;
		spec->image = choose_image(t, err);
		spec->pull_policy = "Never";
		if (!spec->image)
			return err->code;
	}
	spec->command = make_command(a, o, t, is_merged, carrier);
	return 0;
}

static void set_spec(struct kube_job_spec *spec, const struct run_options *o)
{
	spec->image = o->image;
	spec->pull_policy = o->pull_policy;
	spec->service_account = o->service_account;
	spec->script = buf_cstr(&o->script);
	spec->script_len = o->script.len;
	spec->imports = o->files.data;
	spec->imports_len = o->files.len;
	spec->deadline_s = o->deadline_s;
	spec->ttl_s = o->ttl_s;
	spec->has_capabilities = o->capabilities;
	spec->output = o->output;
	spec->patch = o->patch_text;
	spec->patch_type = o->patch_type;
}

int run_make_jobs(struct run_jobs *out, struct arena *a, struct kube_client *client,
		  const struct run_options *o, const kube_target_vec *targets, struct err *err)
{
	bool is_merged = targets->len > 1 && !o->per_node;
	int ret = kube_id_new(out->id, err);

	if (ret < 0)
		return ret;
	vec_foreach (targets, it) {
		const struct kube_target *t = *it;
		const char *name = arena_printf(a, KUBE_NAME_PREFIX "%s", out->id);
		struct kube_job_spec spec = {
			.id = out->id,
			.name = targets->len > 1 ? arena_printf(a, "%s-%zu", name, out->specs.len)
						 : name,
			.namespace = kube_client_namespace(client),
			.node = t->node,
			.target = t->text,
		};
		struct stream_source source = { .job = spec.name,
						.node = t->node,
						.label = make_label(a, t) };

		set_spec(&spec, o);
		ret = set_runner(&spec, out, a, client, o, t, is_merged, err);
		if (ret < 0)
			return ret;
		vec_push(a, &out->specs, spec);
		vec_push(a, &out->sources, source);
	}
	return 0;
}
