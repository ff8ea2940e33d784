#include "kube/target.h"

#include <errno.h>
#include <string.h>

#include "kube/client.h"
#include "kube/json.h"
#include "util/str.h"
#include "util/strmap.h"

struct resolver {
	const struct kube_target_request *request;
	struct kube_client *client;
	struct arena *arena;
	struct strmap by_node; // node's name -> struct kube_target
	kube_target_vec *out;
	kube_node_vec nodes; // all of them, if they were listed
};

typedef int (*resolve_fn)(struct resolver *r, const char *kind, const char *name, struct err *err);

static int resolve_node(struct resolver *r, const char *kind, const char *name, struct err *err);
static int resolve_pod(struct resolver *r, const char *kind, const char *name, struct err *err);
static int resolve_workload(struct resolver *r, const char *kind, const char *name,
			    struct err *err);
static int resolve_cronjob(struct resolver *r, const char *kind, const char *name, struct err *err);

/* Every name of a kind that kubectl takes. */
static const struct kind {
	const char *names; // separated by spaces, the first is the one to show
	const char *group;
	const char *resource;
	resolve_fn resolve;
} kinds[] = {
	{ "cronjob cronjobs cj", "batch", "cronjobs", resolve_cronjob },
	{ "daemonset daemonsets ds", "apps", "daemonsets", resolve_workload },
	{ "deployment deployments deploy", "apps", "deployments", resolve_workload },
	{ "job jobs", "batch", "jobs", resolve_workload },
	{ "node nodes no", "", "nodes", resolve_node },
	{ "pod pods po", "", "pods", resolve_pod },
	{ "replicaset replicasets rs", "apps", "replicasets", resolve_workload },
	{ "replicationcontroller replicationcontrollers rc", "", "replicationcontrollers",
	  resolve_workload },
	{ "service services svc", "", "services", resolve_workload },
	{ "statefulset statefulsets sts", "apps", "statefulsets", resolve_workload },
};

static const struct kind *find_kind(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *p = kinds[i].names;

		while (*p) {
			size_t n = strcspn(p, " ");

			if (n == len && strncmp(p, word, n) == 0)
				return &kinds[i];
			p += n + (p[n] == ' ');
		}
	}
	return NULL;
}

/* The entry of a node, made if need be; the whole node swallows containers on it. */
static struct kube_target *target_on(struct resolver *r, const char *node, const char *text)
{
	struct kube_target *t = strmap_get(&r->by_node, node);

	if (t)
		return t;
	t = arena_new(r->arena, struct kube_target);
	t->node = node;
	t->text = text;
	strmap_put(&r->by_node, node, t);
	vec_push(r->arena, r->out, t);
	return t;
}

static void add_node(struct resolver *r, const struct kube_node *info, const char *name)
{
	struct kube_target *t = target_on(r, name, arena_printf(r->arena, "node/%s", name));

	t->info = info;
	t->text = arena_printf(r->arena, "node/%s", name);
	t->containers.len = 0;
}

static void add_container(struct resolver *r, const struct kube_pod *pod,
			  const struct kube_container *container, const char *text)
{
	struct kube_target *t = target_on(r, pod->node, text);
	struct kube_target_container entry = { .pod = pod, .container = container };

	if (t->containers.len == 0 && str_starts_with(t->text, "node/"))
		return;
	vec_foreach (&t->containers, have)
		if (have->container == container ||
		    (strcmp(have->pod->uid, pod->uid) == 0 &&
		     strcmp(have->container->name, container->name) == 0))
			return;
	vec_push(r->arena, &t->containers, entry);
}

static int not_ready(const struct kube_node *node, struct err *err)
{
	return err_set(err, -EAGAIN, "node \"%s\" is not ready: %s", node->name,
		       node->not_ready_message);
}

static int resolve_node(struct resolver *r, const char *kind, const char *name, struct err *err)
{
	struct kube_node *node = arena_new(r->arena, struct kube_node);
	int ret = kube_node_get(node, r->arena, r->client, name, err);

	(void)kind;
	if (ret == -EACCES) { // the user may create Jobs, but not look at nodes
		add_node(r, NULL, name);
		return 0;
	}
	if (ret < 0)
		return ret;
	if (!node->is_ready)
		return not_ready(node, err);
	add_node(r, node, node->name);
	return 0;
}

/* The container of -c, else the pod's default one, else its first, as kubectl does. */
static const struct kube_container *choose_container(struct resolver *r, const struct kube_pod *pod,
						     struct err *err)
{
	const char *wanted = r->request->container ? r->request->container : pod->default_container;
	const struct kube_container *c = NULL;
	struct buf names;

	if (wanted)
		c = kube_pod_container(pod, wanted);
	if (c)
		return c;
	buf_init(&names, sizeof(err->msg));
	for (size_t i = 0; i < pod->container_count; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", pod->containers[i].name);
	if (r->request->container) {
		err_set(err, -ENOENT, "container \"%s\" is not in pod \"%s\"; it has: %s", wanted,
			pod->name, buf_cstr(&names));
	} else if (pod->container_count == 0) {
		err_set(err, -ENOENT, "pod \"%s\" has no containers", pod->name);
	} else {
		c = &pod->containers[0];
		if (pod->container_count > 1 && r->request->note)
			r->request->note(r->request->ctx,
					 arena_printf(r->arena,
						      "Defaulted container \"%s\" out of: %s",
						      c->name, buf_cstr(&names)));
	}
	buf_finish(&names);
	return c;
}

static int add_pod(struct resolver *r, const struct kube_pod *pod, const char *text,
		   struct err *err)
{
	const struct kube_container *c;

	if (!pod->node)
		return err_set(err, -EAGAIN,
			       "pod \"%s\" is not running: it is on no node yet (%s%s%s)",
			       pod->name, pod->phase, pod->unschedulable ? ": " : "",
			       pod->unschedulable ? pod->unschedulable : "");
	if (strcmp(pod->phase, "Failed") == 0 || strcmp(pod->phase, "Succeeded") == 0)
		return err_set(err, -EAGAIN, "pod \"%s\" is not running: it has ended (%s)",
			       pod->name, pod->phase);
	c = choose_container(r, pod, err);
	if (!c)
		return err->code;
	if (c->state != KUBE_STATE_RUNNING || !c->id)
		return err_set(err, -EAGAIN,
			       "pod \"%s\" is not running: its container \"%s\" is not (%s%s%s)",
			       pod->name, c->name, c->reason ? c->reason : pod->phase,
			       c->message ? ": " : "", c->message ? c->message : "");
	add_container(r, pod, c, text);
	return 0;
}

static int resolve_pod(struct resolver *r, const char *kind, const char *name, struct err *err)
{
	struct kube_pod *pod = arena_new(r->arena, struct kube_pod);
	kube_pod_vec pods = { 0 };
	struct str_nearest nearest;
	int ret = kube_pod_get(pod, r->arena, r->client, r->request->namespace, name, err);

	(void)kind;
	if (ret == 0)
		return add_pod(r, pod, arena_printf(r->arena, "pod/%s", name), err);
	if (ret != -ENOENT ||
	    kube_pod_list(&pods, r->arena, r->client, r->request->namespace, NULL, NULL) < 0)
		return ret;
	str_nearest_init(&nearest, name);
	vec_foreach (&pods, p)
		str_nearest_try(&nearest, (*p)->name);
	if (nearest.best)
		return err_set(err, ret,
			       "pods \"%s\" not found in namespace \"%s\" (did you mean "
			       "\"%s\"?)",
			       name, r->request->namespace, nearest.best);
	return err_set(err, ret, "pods \"%s\" not found in namespace \"%s\"", name,
		       r->request->namespace);
}

/* The running pods that a label selector matches. */
static int add_selected(struct resolver *r, const char *selector, const char *text, struct err *err)
{
	kube_pod_vec pods = { 0 };
	size_t running = 0;
	int ret = kube_pod_list(&pods, r->arena, r->client, r->request->namespace, selector, err);

	if (ret < 0)
		return ret;
	vec_foreach (&pods, p) {
		if (strcmp((*p)->phase, "Running") != 0 || (*p)->is_deleting)
			continue;
		ret = add_pod(r, *p, text, err);
		/* Of many pods, some may be between two lives; a wrong -c is wrong for all. */
		if (ret == 0)
			running++;
		else if (ret != -EAGAIN)
			return ret;
	}
	if (running)
		return 0;
	return err_set(err, -ENOENT, "no running pods for %s in namespace \"%s\"%s", text,
		       r->request->namespace,
		       pods.len ? ": there are pods, but none of them runs" : "");
}

static const char *set_operator(const char *operator)
{
	if (strcmp(operator, "In") == 0)
		return "in";
	if (strcmp(operator, "NotIn") == 0)
		return "notin";
	return NULL;
}

static void print_expression(struct buf *out, const cJSON *e)
{
	const char *key = json_str(e, "key"), *operator= json_str(e, "operator");
	const char *set = operator? set_operator(operator) : NULL;
	const char *separator = "";
	const cJSON *value;

	if (!key || !operator)
		return;
	if (!set) {
		buf_printf(out, "%s%s", strcmp(operator, "DoesNotExist") == 0 ? "!" : "", key);
		return;
	}
	buf_printf(out, "%s %s (", key, set);
	cJSON_ArrayForEach (value, json_at(e, "values")) {
		buf_printf(out, "%s%s", separator, json_string(value) ? json_string(value) : "");
		separator = ",";
	}
	buf_putc(out, ')');
}

/* A LabelSelector, or the plain map of a Service, as text. */
static char *print_selector(struct arena *a, const cJSON *selector)
{
	const cJSON *labels = json_at(selector, "matchLabels");
	const cJSON *expressions = json_at(selector, "matchExpressions");
	const cJSON *map = labels || expressions ? labels : selector;
	const cJSON *item;
	struct buf text;
	char *result;

	buf_init(&text, 1 << 16);
	cJSON_ArrayForEach (item, map) {
		if (cJSON_IsString(item))
			buf_printf(&text, "%s%s=%s", text.len ? "," : "", item->string,
				   json_string(item));
	}
	cJSON_ArrayForEach (item, expressions) {
		if (text.len)
			buf_putc(&text, ',');
		print_expression(&text, item);
	}
	result = arena_strdup(a, buf_cstr(&text));
	buf_finish(&text);
	return result;
}

static int resolve_workload(struct resolver *r, const char *kind, const char *name, struct err *err)
{
	const struct kind *k = find_kind(kind, strlen(kind));
	const char *collection =
		kube_collection(r->arena, k->group, "v1", r->request->namespace, k->resource);
	_cleanup_json_ cJSON *object = NULL;
	const char *selector;
	int ret = kube_get(
		&object, r->client,
		arena_printf(r->arena, "%s%s", collection, kube_path(r->arena, name, NULL)), err);

	if (ret < 0)
		return ret;
	selector = print_selector(r->arena, json_at(object, "spec", "selector"));
	if (!*selector)
		return err_set(err, -ENOENT, "%s/%s selects no pods", kind, name);
	return add_selected(r, selector, arena_printf(r->arena, "%s/%s", kind, name), err);
}

/* A CronJob has no selector: it owns Jobs, and they have one. */
static int resolve_cronjob(struct resolver *r, const char *kind, const char *name, struct err *err)
{
	const char *ns = r->request->namespace;
	const char *text = arena_printf(r->arena, "%s/%s", kind, name);
	_cleanup_json_ cJSON *cronjob = NULL, *jobs = NULL;
	const char *uid;
	const cJSON *job, *owner;
	bool found = false;
	int ret;

	ret = kube_get(&cronjob, r->client,
		       kube_path(r->arena, "apis", "batch", "v1", "namespaces", ns, "cronjobs",
				 name, NULL),
		       err);
	if (ret == -ENOENT) // before Kubernetes 1.21
		ret = kube_get(&cronjob, r->client,
			       kube_path(r->arena, "apis", "batch", "v1beta1", "namespaces", ns,
					 "cronjobs", name, NULL),
			       err);
	if (ret == 0)
		ret = kube_list(&jobs, r->client,
				kube_collection(r->arena, "batch", "v1", ns, "jobs"), err);
	if (ret < 0)
		return ret;
	uid = json_str(cronjob, "metadata", "uid");
	cJSON_ArrayForEach (job, json_at(jobs, "items")) {
		cJSON_ArrayForEach (owner, json_at(job, "metadata", "ownerReferences")) {
			const char *of = json_str(owner, "uid");

			if (!uid || !of || strcmp(uid, of) != 0)
				continue;
			ret = add_selected(
				r, print_selector(r->arena, json_at(job, "spec", "selector")), text,
				err);
			if (ret < 0 && ret != -ENOENT)
				return ret;
			found |= ret == 0;
		}
	}
	return found ? 0
		     : err_set(err, -ENOENT, "no running pods for %s in namespace \"%s\"", text,
			       ns);
}

static int resolve_word(struct resolver *r, const char *word, struct err *err)
{
	const char *slash = strchr(word, '/');
	const struct kind *kind;
	const char *name;

	if (!slash)
		return resolve_node(r, "node", word, err);
	name = slash + 1;
	kind = find_kind(word, (size_t)(slash - word));
	if (!kind)
		return err_set(err, -EINVAL,
			       "can't trace a \"%.*s\": use node, pod, deployment, "
			       "statefulset, daemonset, replicaset, job, cronjob or service",
			       (int)(slash - word), word);
	if (!*name || strchr(name, '/'))
		return err_set(err, -EINVAL, "\"%s\" is not TYPE/NAME", word);
	return kind->resolve(r, arena_strndup(r->arena, word, (size_t)(slash - word)), name, err);
}

static int resolve_nodes(struct resolver *r, const char *selector, struct err *err)
{
	kube_node_vec nodes = { 0 };
	size_t ready = 0;
	int ret = kube_node_list(&nodes, r->arena, r->client, selector, err);

	if (ret < 0)
		return ret;
	vec_foreach (&nodes, node) {
		if ((*node)->is_ready) {
			add_node(r, *node, (*node)->name);
			ready++;
		} else if (r->request->note) {
			struct err why = { 0 };

			not_ready(*node, &why);
			r->request->note(r->request->ctx,
					 arena_printf(r->arena, "skipped: %s", why.msg));
		}
	}
	if (ready)
		return 0;
	if (!selector)
		return err_set(err, -ENOENT, "no node is ready");
	return err_set(err, -ENOENT, "no ready node matches \"%s\"", selector);
}

/* What is known of the nodes of pods.  One list is cheaper than many gets. */
static int add_node_infos(struct resolver *r, struct err *err)
{
	int ret;

	if (r->out->len > 4 && kube_node_list(&r->nodes, r->arena, r->client, NULL, NULL) < 0)
		return 0;
	vec_foreach (&r->nodes, node) {
		struct kube_target *t = strmap_get(&r->by_node, (*node)->name);

		if (t)
			t->info = *node;
	}
	vec_foreach (r->out, t) {
		struct kube_node *node;

		if (!(*t)->info && r->nodes.len == 0) {
			node = arena_new(r->arena, struct kube_node);
			ret = kube_node_get(node, r->arena, r->client, (*t)->node, err);
			if (ret < 0 && ret != -EACCES)
				return ret;
			if (ret == 0)
				(*t)->info = node;
		}
		if ((*t)->info && !(*t)->info->is_ready)
			return not_ready((*t)->info, err);
	}
	return 0;
}

int kube_target_resolve(kube_target_vec *out, struct arena *a, struct kube_client *client,
			const struct kube_target_request *request, struct err *err)
{
	struct resolver r = { .request = request, .client = client, .arena = a, .out = out };
	int ret = 0;

	strmap_init(&r.by_node, a);
	if (request->all_nodes)
		ret = resolve_nodes(&r, NULL, err);
	else if (request->node_selector)
		ret = resolve_nodes(&r, request->node_selector, err);
	for (size_t i = 0; i < request->word_count && ret == 0; i++)
		ret = resolve_word(&r, request->words[i], err);
	if (ret == 0 && request->pod_selector)
		ret = add_selected(&r, request->pod_selector,
				   arena_printf(a, "-l %s", request->pod_selector), err);
	return ret < 0 ? ret : add_node_infos(&r, err);
}
