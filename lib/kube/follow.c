#include "kube/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kube/client.h"
#include "kube/job.h"
#include "kube/json.h"
#include "kube/logs.h"
#include "kube/node.h"
#include "kube/pod.h"
#include "kube/transport.h"
#include "kube/watch.h"
#include "util/arena.h"
#include "util/strmap.h"

#define NODE_GRACE_MS     5000 // from a node's NotReady to giving it up, while nothing comes from it
#define ENDING_GRACE_MS   5000 // from the log's end to that of the wait for the exit code
#define STOPPING_GRACE_MS 1000 // the same when the pod was stopped or deleted
#define START_NOTE_MS     3000 // before saying what a start waits for
#define MAX_NOTE_MS       30000

enum job_state {
	JOB_WAITING,
	JOB_STREAMING,
	JOB_ENDING,
	JOB_CLEANING,
	JOB_ENDED,
};

struct follow_job {
	struct kube_follow *follow;
	size_t index;
	enum job_state state;
	char *pod; // NULL until it is known
	struct kube_log *log;
	struct kube_call stop_pod, delete_job, delete_pod, delete_map, events;
	int calls;                    // under way, but for events
	struct transport_timer timer; // of the state: notes while WAITING, the limit of ENDING
	struct transport_timer node_timer;
	int64_t note_ms;
	char *last_note;
	char *node_message; // why it isn't ready; NULL: it is
	bool has_data;      // a line came since node_timer was started
	bool has_terminated;
	bool is_deleting; // the pod
	bool is_failed;   // the pod; kubelets before 1.22 then don't tell how its container ended
	bool is_pod_gone;
	int status;
	char *reason; // of the termination, such as OOMKilled
	struct err err;
};

struct kube_follow {
	struct kube_client *client;
	struct kube_follow_options options;
	struct follow_job *jobs;
	struct strmap by_name; // Job's name -> struct follow_job
	struct kube_watch *pods, *job_watch, *warnings, *nodes;
	size_t ended;
	bool is_stopping;
};

static struct kube_transport *transport(struct follow_job *j)
{
	return kube_client_transport(j->follow->client);
}

static void note(struct follow_job *j, const char *text)
{
	if (j->last_note && strcmp(j->last_note, text) == 0)
		return;
	free(j->last_note);
	j->last_note = strdup(text);
	j->follow->options.note(j->follow->options.ctx, j->index, text);
}

/* --- the end of a Job --- */

static void end(struct follow_job *j)
{
	struct kube_follow *f = j->follow;

	j->state = JOB_ENDED;
	transport_timer_stop(transport(j), &j->timer);
	transport_timer_stop(transport(j), &j->node_timer);
	f->ended++;
	f->options.end(f->options.ctx, j->index, j->status, j->err.code ? &j->err : NULL);
}

static void finish_call(struct follow_job *j)
{
	if (--j->calls == 0 && j->state == JOB_CLEANING)
		end(j);
}

/* If it was not there, or is not allowed, it's the garbage collector's. */
static void on_deleted(void *ctx, const cJSON *reply, const struct err *err)
{
	(void)reply;
	(void)err;
	finish_call(ctx);
}

/* False if it could not be sent. */
static bool start_call(struct follow_job *j, struct kube_call *call, kube_reply_fn fn,
		       const char *method, const char *path, const cJSON *body)
{
	if (call->transfer)
		return true;
	call->fn = fn;
	call->ctx = j;
	if (kube_call_start(call, j->follow->client, method, path, body, NULL) < 0)
		return false;
	j->calls++;
	return true;
}

static void start_delete(struct follow_job *j, struct kube_call *call, kube_reply_fn fn,
			 const char *path, int64_t grace_s)
{
	_cleanup_json_ cJSON *options = kube_delete_options("Background", grace_s);

	(void)start_call(j, call, fn, "DELETE", path, options);
}

static const char *pod_path(const struct follow_job *j, struct arena *a)
{
	return kube_path(a, "api", "v1", "namespaces", j->follow->options.namespace, "pods", j->pod,
			 NULL);
}

static void on_job_deleted(void *ctx, const cJSON *reply, const struct err *err)
{
	struct follow_job *j = ctx;
	struct arena a;

	(void)reply;
	arena_init(&a);
	if (err && err->code != -ENOENT)
		note(j, arena_printf(&a, "can't delete the trace's Job: %s", err->msg));
	/* Not earlier: the Job would replace its pod.  What runs has its grace period; what waits
	 * for its start doesn't need one, and in the end nothing runs, or nobody can reach it. */
	if (j->pod && !j->is_pod_gone)
		start_delete(j, &j->delete_pod, on_deleted, pod_path(j, &a),
			     j->state == JOB_STREAMING || j->state == JOB_ENDING ? -1 : 0);
	arena_finish(&a);
	finish_call(j);
}

static void delete_all(struct follow_job *j)
{
	const struct kube_follow_options *o = &j->follow->options;
	const char *name = o->jobs[j->index].name;
	struct arena a;

	arena_init(&a);
	start_delete(j, &j->delete_job, on_job_deleted,
		     kube_path(&a, "apis", "batch", "v1", "namespaces", o->namespace, "jobs", name,
			       NULL),
		     -1);
	start_delete(
		j, &j->delete_map, on_deleted,
		kube_path(&a, "api", "v1", "namespaces", o->namespace, "configmaps", name, NULL),
		-1);
	arena_finish(&a);
}

static void on_pod_stopped(void *ctx, const cJSON *reply, const struct err *err)
{
	struct follow_job *j = ctx;

	(void)reply;
	if (err && j->state < JOB_CLEANING) // not allowed to, or it's gone
		delete_all(j);
	finish_call(j);
}

/*
 * Have the kubelet end the runner, but keep what it wrote until all of it was read: the log of a
 * deleted pod goes with it.
 */
static void stop_pod(struct follow_job *j)
{
	_cleanup_json_ cJSON *patch = cJSON_CreateObject();
	struct arena a;

	json_add_num(json_add_object(patch, "spec"), "activeDeadlineSeconds", 1);
	arena_init(&a);
	if (!start_call(j, &j->stop_pod, on_pod_stopped, "PATCH", pod_path(j, &a), patch))
		delete_all(j);
	arena_finish(&a);
}

/* All is known about the Job: leave nothing of it. */
static void clean_up(struct follow_job *j)
{
	struct kube_follow *f = j->follow;

	if (j->state >= JOB_CLEANING)
		return;
	j->state = JOB_CLEANING;
	kube_log_free(j->log);
	j->log = NULL;
	kube_call_cancel(&j->events);
	transport_timer_stop(transport(j), &j->timer);
	if (f->options.cleans_up || f->is_stopping || j->err.code)
		delete_all(j);
	if (j->calls == 0)
		end(j);
}

static void fail(struct follow_job *j, int code, const char *text)
{
	if (j->state >= JOB_CLEANING)
		return;
	err_set(&j->err, code, "%s", text);
	clean_up(j);
}

/* The log has ended and so has the container, or the pod is gone. */
static void conclude(struct follow_job *j)
{
	if (j->has_terminated) {
		if (j->reason && strcmp(j->reason, "OOMKilled") == 0)
			err_set(&j->err, -ENOMEM,
				"the runner was killed: out of memory (OOMKilled); "
				"raise the limit with --patch");
	} else if (j->is_deleting && !j->follow->is_stopping) {
		note(j, "the trace was deleted"); // by somebody else, in good order
	} else if (!j->follow->is_stopping) {
		err_set(&j->err, -ECANCELED, "the trace's pod disappeared while it ran");
	}
	clean_up(j);
}

static void on_ending_timeout(void *ctx)
{
	conclude(ctx);
}

/* --- the log --- */

static void on_line(void *ctx, const char *data, size_t len)
{
	struct follow_job *j = ctx;

	j->has_data = true;
	j->follow->options.line(j->follow->options.ctx, j->index, data, len);
}

static void on_lost(void *ctx, unsigned long long lines)
{
	struct follow_job *j = ctx;
	struct arena a;

	arena_init(&a);
	note(j, arena_printf(&a, KUBE_LOG_LOST, lines));
	arena_finish(&a);
}

static void on_connection(void *ctx, const struct err *err)
{
	struct follow_job *j = ctx;
	struct arena a;

	arena_init(&a);
	if (err)
		note(j, arena_printf(&a, "the log stream was cut, reconnecting: %s", err->msg));
	else
		note(j, "the log stream is back");
	arena_finish(&a);
}

static void on_log_end(void *ctx, const struct err *err)
{
	struct follow_job *j = ctx;

	if (err) {
		struct arena a;

		arena_init(&a);
		fail(j, err->code, arena_printf(&a, "reading the log: %s", err->msg));
		arena_finish(&a);
		return;
	}
	j->state = JOB_ENDING;
	if (j->has_terminated || j->is_pod_gone || (j->follow->is_stopping && j->is_failed)) {
		conclude(j);
		return;
	}
	j->timer.fn = on_ending_timeout;
	/* Of a pod that was told to end the kubelet may never tell how it did. */
	transport_timer_start(transport(j), &j->timer,
			      j->is_deleting || j->follow->is_stopping ? STOPPING_GRACE_MS
								       : ENDING_GRACE_MS);
}

static void start_log(struct follow_job *j)
{
	const struct kube_follow_options *o = &j->follow->options;
	struct kube_log_options options = { .namespace = o->namespace,
					    .pod = j->pod,
					    .container = KUBE_CONTAINER_NAME,
					    .follows = true,
					    .line = on_line,
					    .lost = on_lost,
					    .connection = on_connection,
					    .end = on_log_end,
					    .ctx = j };
	struct err err;

	transport_timer_stop(transport(j), &j->timer);
	j->state = JOB_STREAMING;
	if (kube_log_start(&j->log, j->follow->client, &options, &err) < 0)
		fail(j, err.code, err.msg);
}

/* --- while a pod does not start: what do its events say? --- */

static void on_events(void *ctx, const cJSON *list, const struct err *err)
{
	struct follow_job *j = ctx;
	const cJSON *event, *last = NULL;
	struct arena a;

	if (err || j->state != JOB_WAITING)
		return;
	cJSON_ArrayForEach (event, json_at(list, "items"))
		last = event;
	if (!last)
		return;
	arena_init(&a);
	note(j, arena_printf(&a, "still waiting for the pod to start: %s: %s",
			     json_str(last, "reason") ? json_str(last, "reason") : "Warning",
			     json_str(last, "message") ? json_str(last, "message") : ""));
	arena_finish(&a);
}

static void on_start_delay(void *ctx)
{
	struct follow_job *j = ctx;
	const char *path;
	struct arena a;

	if (j->state != JOB_WAITING)
		return;
	if (j->pod && !j->events.transfer) {
		arena_init(&a);
		path = kube_collection(&a, "", "v1", j->follow->options.namespace, "events");
		path = kube_query(&a, path, "fieldSelector",
				  arena_printf(&a, "type=Warning,involvedObject.name=%s", j->pod));
		j->events = (struct kube_call){ .fn = on_events, .ctx = j };
		(void)!kube_call_start(&j->events, j->follow->client, "GET", path, NULL, NULL);
		arena_finish(&a);
	}
	j->note_ms = j->note_ms * 2 < MAX_NOTE_MS ? j->note_ms * 2 : MAX_NOTE_MS;
	transport_timer_start(transport(j), &j->timer, j->note_ms);
}

/* --- watches --- */

static void take_termination(struct follow_job *j, const struct kube_container *c)
{
	if (j->has_terminated)
		return;
	j->has_terminated = true;
	j->status = c->exit_code;
	j->reason = c->reason ? strdup(c->reason) : NULL;
}

static void on_pod_deleted(struct follow_job *j)
{
	j->is_pod_gone = true;
	if (j->state == JOB_ENDING || (j->state == JOB_WAITING && j->follow->is_stopping))
		conclude(j);
	else if (j->state == JOB_WAITING)
		fail(j, -ECANCELED, "the trace was deleted before it started");
}

static void on_pod_changed(struct follow_job *j, const struct kube_pod *pod, struct arena *a)
{
	const struct kube_container *c = kube_pod_container(pod, KUBE_CONTAINER_NAME);
	const char *obstacle;

	if (!j->pod)
		j->pod = strdup(pod->name);
	if (!c || !j->pod || strcmp(j->pod, pod->name) != 0)
		return;
	j->is_deleting |= pod->is_deleting;
	j->is_failed |= strcmp(pod->phase, "Failed") == 0;
	if (c->state == KUBE_STATE_TERMINATED)
		take_termination(j, c);
	if (j->state == JOB_ENDING && j->has_terminated) {
		conclude(j);
		return;
	}
	if (j->state != JOB_WAITING)
		return;
	obstacle = kube_pod_obstacle(pod, a);
	if (obstacle && !j->follow->is_stopping)
		fail(j, -ECANCELED, arena_printf(a, "the trace can't start: %s", obstacle));
	else if (c->state == KUBE_STATE_RUNNING || c->state == KUBE_STATE_TERMINATED)
		start_log(j);
}

static void on_pod_event(void *ctx, enum kube_watch_type type, const cJSON *object)
{
	struct kube_follow *f = ctx;
	struct follow_job *j;
	struct kube_pod pod;
	struct arena a;

	arena_init(&a);
	kube_pod_parse(&pod, &a, object);
	j = pod.job_name ? strmap_get(&f->by_name, pod.job_name) : NULL;
	if (j && j->state < JOB_CLEANING) {
		on_pod_changed(j, &pod, &a);
		if (type == KUBE_WATCH_DELETED && j->pod && strcmp(j->pod, pod.name) == 0)
			on_pod_deleted(j);
	}
	arena_finish(&a);
}

static void on_job_event(void *ctx, enum kube_watch_type type, const cJSON *object)
{
	struct kube_follow *f = ctx;
	const char *name = json_str(object, "metadata", "name");
	struct follow_job *j = name ? strmap_get(&f->by_name, name) : NULL;
	const cJSON *condition;

	if (!j || j->state != JOB_WAITING || j->pod)
		return;
	if (type == KUBE_WATCH_DELETED) {
		if (f->is_stopping)
			conclude(j);
		else
			fail(j, -ECANCELED, "the trace was deleted before it started");
		return;
	}
	cJSON_ArrayForEach (condition, json_at(object, "status", "conditions")) {
		const char *kind = json_str(condition, "type");
		const char *message = json_str(condition, "message");

		if (kind && strcmp(kind, "Failed") == 0)
			fail(j, -ECANCELED, message ? message : "the trace's Job failed");
	}
}

static void on_warning(void *ctx, enum kube_watch_type type, const cJSON *event)
{
	struct kube_follow *f = ctx;
	const char *name = json_str(event, "involvedObject", "name");
	const char *reason = json_str(event, "reason"), *message = json_str(event, "message");
	struct follow_job *j = name ? strmap_get(&f->by_name, name) : NULL;
	struct arena a;

	if (!j || j->state != JOB_WAITING || type == KUBE_WATCH_DELETED || f->is_stopping)
		return;
	if (!reason || !message || strcmp(reason, "FailedCreate") != 0)
		return;
	arena_init(&a);
	fail(j, -ECANCELED, arena_printf(&a, "the trace can't start: %s: %s", reason, message));
	arena_finish(&a);
}

static void on_node_timeout(void *ctx)
{
	struct follow_job *j = ctx;
	const char *node = j->follow->options.jobs[j->index].node;
	struct arena a;

	if (!j->node_message)
		return;
	if (j->has_data) { // its kubelet can't report, but serves the log
		j->has_data = false;
		transport_timer_start(transport(j), &j->node_timer, NODE_GRACE_MS);
		return;
	}
	arena_init(&a);
	fail(j, -EHOSTDOWN,
	     arena_printf(&a, "node \"%s\" became NotReady while it was traced: %s", node,
			  j->node_message));
	arena_finish(&a);
}

static void set_node_state(struct follow_job *j, const struct kube_node *node)
{
	struct arena a;

	if (j->state >= JOB_CLEANING)
		return;
	if (node->is_ready) {
		transport_timer_stop(transport(j), &j->node_timer);
		free(j->node_message);
		j->node_message = NULL;
		return;
	}
	if (j->node_message)
		return;
	j->node_message = strdup(node->not_ready_message);
	j->has_data = false;
	arena_init(&a);
	note(j,
	     arena_printf(&a, "node \"%s\" is NotReady: %s", node->name, node->not_ready_message));
	arena_finish(&a);
	transport_timer_start(transport(j), &j->node_timer, NODE_GRACE_MS);
}

static void on_node_event(void *ctx, enum kube_watch_type type, const cJSON *object)
{
	struct kube_follow *f = ctx;
	struct kube_node node;
	struct arena a;

	arena_init(&a);
	kube_node_parse(&node, &a, object);
	if (type == KUBE_WATCH_DELETED) {
		node.is_ready = false;
		node.not_ready_message = "it was deleted from the cluster";
	}
	for (size_t i = 0; i < f->options.job_count; i++)
		if (strcmp(f->options.jobs[i].node, node.name) == 0)
			set_node_state(&f->jobs[i], &node);
	arena_finish(&a);
}

static void on_pods_refused(void *ctx, const struct err *err)
{
	struct kube_follow *f = ctx;

	for (size_t i = 0; i < f->options.job_count; i++)
		fail(&f->jobs[i], err->code, err->msg);
}

static int start_watches(struct kube_follow *f, struct err *err)
{
	const char *ns = f->options.namespace;
	struct kube_watch_options o = { .ctx = f };
	struct arena a;
	const char *mine;
	int ret;

	arena_init(&a);
	mine = arena_printf(&a, "%s=%s", KUBE_LABEL_ID, f->options.id);
	o.path = kube_query(&a, kube_collection(&a, "", "v1", ns, "pods"), "labelSelector", mine);
	o.fn = on_pod_event;
	o.failed = on_pods_refused;
	ret = kube_watch_start(&f->pods, f->client, &o, err);
	o.failed = NULL;
	o.path = kube_query(&a, kube_collection(&a, "batch", "v1", ns, "jobs"), "labelSelector",
			    mine);
	o.fn = on_job_event;
	if (ret == 0)
		ret = kube_watch_start(&f->job_watch, f->client, &o, err);
	o.path = kube_query(&a, kube_collection(&a, "", "v1", ns, "events"), "fieldSelector",
			    "involvedObject.kind=Job,type=Warning");
	o.fn = on_warning;
	if (ret == 0)
		ret = kube_watch_start(&f->warnings, f->client, &o, err);
	o.path = kube_collection(&a, "", "v1", NULL, "nodes");
	if (f->options.job_count == 1)
		o.path = kube_query(&a, o.path, "fieldSelector",
				    arena_printf(&a, "metadata.name=%s", f->options.jobs[0].node));
	o.fn = on_node_event;
	if (ret == 0)
		ret = kube_watch_start(&f->nodes, f->client, &o, err);
	arena_finish(&a);
	return ret;
}

static void init_job(struct follow_job *j, struct kube_follow *f, size_t index)
{
	*j = (struct follow_job){ .follow = f, .index = index, .note_ms = START_NOTE_MS };
	j->timer = (struct transport_timer){ .fn = on_start_delay, .ctx = j };
	j->node_timer = (struct transport_timer){ .fn = on_node_timeout, .ctx = j };
	transport_timer_start(transport(j), &j->timer, j->note_ms);
	strmap_put(&f->by_name, f->options.jobs[index].name, j);
}

int kube_follow_start(struct kube_follow **out, struct kube_client *client,
		      const struct kube_follow_options *options, struct err *err)
{
	struct kube_follow *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	f->client = client;
	f->options = *options;
	strmap_init(&f->by_name, NULL);
	f->jobs = calloc(options->job_count, sizeof(*f->jobs));
	if (!f->jobs) {
		f->options.job_count = 0;
		kube_follow_free(f);
		return err_set(err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < options->job_count; i++)
		init_job(&f->jobs[i], f, i);
	ret = start_watches(f, err);
	if (ret < 0)
		kube_follow_free(f);
	else
		*out = f;
	return ret;
}

static void finish_job(struct follow_job *j)
{
	kube_log_free(j->log);
	kube_call_cancel(&j->stop_pod);
	kube_call_cancel(&j->delete_job);
	kube_call_cancel(&j->delete_pod);
	kube_call_cancel(&j->delete_map);
	kube_call_cancel(&j->events);
	transport_timer_stop(transport(j), &j->timer);
	transport_timer_stop(transport(j), &j->node_timer);
	free(j->pod);
	free(j->last_note);
	free(j->node_message);
	free(j->reason);
}

void kube_follow_free(struct kube_follow *f)
{
	if (!f)
		return;
	kube_watch_stop(f->pods);
	kube_watch_stop(f->job_watch);
	kube_watch_stop(f->warnings);
	kube_watch_stop(f->nodes);
	for (size_t i = 0; i < f->options.job_count; i++)
		finish_job(&f->jobs[i]);
	strmap_finish(&f->by_name);
	free(f->jobs);
	free(f);
}

void kube_follow_stop(struct kube_follow *f)
{
	bool again = f->is_stopping;

	f->is_stopping = true;
	for (size_t i = 0; i < f->options.job_count; i++) {
		struct follow_job *j = &f->jobs[i];

		if (again)
			clean_up(j);
		else if (j->state == JOB_WAITING)
			delete_all(j);
		else if (j->state == JOB_STREAMING)
			stop_pod(j);
	}
}

bool kube_follow_is_finished(const struct kube_follow *f)
{
	return f->ended == f->options.job_count;
}
