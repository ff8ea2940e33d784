#include "kube/launch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kube/client.h"
#include "kube/job.h"
#include "kube/json.h"
#include "kube/transport.h"
#include "util/arena.h"

#define MAX_AT_ONCE 64

struct launch;

/* One Job on its way: created, then its ConfigMap, then done; or back. */
struct flight {
	struct launch *launch;
	const struct kube_job_spec *spec;
	struct kube_call call;
	struct err *err;
};

struct launch {
	struct kube_client *client;
	struct flight *flights;
	size_t count, started, done, failed;
};

static void start_next(struct launch *l);

static void finish(struct flight *f, const struct err *err)
{
	if (err)
		*f->err = *err;
	if (f->err->code)
		f->launch->failed++;
	f->launch->done++;
	start_next(f->launch);
}

/* Send @object to the collection @resource; its end is @fn's. */
static int post(struct flight *f, kube_reply_fn fn, const char *group, const char *resource,
		const cJSON *object, struct err *err)
{
	struct arena a;
	int ret;

	arena_init(&a);
	f->call.fn = fn;
	f->call.ctx = f;
	ret = kube_call_start(&f->call, f->launch->client, "POST",
			      kube_collection(&a, group, "v1", f->spec->namespace, resource),
			      object, err);
	arena_finish(&a);
	return ret;
}

static void on_job_deleted(void *ctx, const cJSON *reply, const struct err *err)
{
	(void)reply;
	(void)err; // the first error is the one to tell
	finish(ctx, NULL);
}

static void take_back(struct flight *f)
{
	_cleanup_json_ cJSON *options = kube_delete_options("Background", -1);
	struct arena a;
	int ret;

	arena_init(&a);
	f->call.fn = on_job_deleted;
	ret = kube_call_start(&f->call, f->launch->client, "DELETE",
			      kube_path(&a, "apis", "batch", "v1", "namespaces", f->spec->namespace,
					"jobs", f->spec->name, NULL),
			      options, NULL);
	arena_finish(&a);
	if (ret < 0)
		finish(f, NULL);
}

static void on_configmap(void *ctx, const cJSON *reply, const struct err *err)
{
	struct flight *f = ctx;

	(void)reply;
	if (!err) {
		finish(f, NULL);
		return;
	}
	*f->err = *err;
	err_wrap(f->err, "creating the ConfigMap with the script");
	take_back(f);
}

static void on_job(void *ctx, const cJSON *reply, const struct err *err)
{
	struct flight *f = ctx;
	_cleanup_json_ cJSON *map = NULL;
	const char *uid = json_str(reply, "metadata", "uid");

	if (err || !uid) {
		if (err)
			*f->err = *err;
		else
			err_set(f->err, -EIO, "the server's answer has no uid");
		err_wrap(f->err, "creating the trace's Job");
		finish(f, NULL);
		return;
	}
	map = kube_job_build_configmap(f->spec, uid);
	if (post(f, on_configmap, "", "configmaps", map, f->err) < 0)
		take_back(f);
}

static void start(struct flight *f)
{
	_cleanup_json_ cJSON *job = NULL;
	struct err err = { 0 };
	int ret = kube_job_build(&job, f->spec, &err);

	if (ret == 0)
		ret = post(f, on_job, "batch", "jobs", job, &err);
	if (ret < 0)
		finish(f, &err);
}

static void start_next(struct launch *l)
{
	if (l->started < l->count)
		start(&l->flights[l->started++]);
}

size_t kube_launch(struct kube_client *client, const struct kube_job_spec *specs, size_t count,
		   struct err *errs)
{
	struct launch l = { .client = client, .count = count };
	struct err err = { 0 };

	l.flights = calloc(count, sizeof(*l.flights));
	for (size_t i = 0; i < count; i++)
		errs[i] = (struct err){ 0 };
	if (!l.flights) {
		for (size_t i = 0; i < count; i++)
			err_set(&errs[i], -ENOMEM, "out of memory");
		return count;
	}
	for (size_t i = 0; i < count; i++)
		l.flights[i] = (struct flight){ .launch = &l, .spec = &specs[i], .err = &errs[i] };
	for (size_t i = 0; i < count && i < MAX_AT_ONCE; i++)
		start_next(&l);
	while (l.done < count && transport_poll(kube_client_transport(client), 1000, -1, &err) == 0)
		;
	for (size_t i = 0; i < count; i++) {
		if (l.flights[i].call.transfer) { // libcurl itself has failed
			kube_call_cancel(&l.flights[i].call);
			finish(&l.flights[i], &err);
		}
	}
	free(l.flights);
	return l.failed;
}
