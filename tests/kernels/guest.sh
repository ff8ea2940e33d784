#!/bin/busybox sh
# In the guest: the cases, then the scripts.  What is refused with a reason is fine, what the kernel
# rejects is not.
echo "guest is up"
./run_cases /root/trace-runner cases/*.test
passed=0 failed=0
for script in scripts/*.bt; do
	if ./trace-runner --dry-run "$script" >out 2>&1 ||
		{ grep -q 'ERROR: ' out && ! grep -q -e 'This is a bug' -e 'verifier says' -e 'Error loading' \
			-e 'does not load' -e 'Failed to create map' out; }; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok load-$(basename "$script" .bt)"
		cat out
	fi
done
echo "$passed passed, $failed failed"
