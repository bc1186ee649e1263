#!/bin/bash
# fuzz.sh TIME [TARGET]: runs each fuzz target of the project for TIME, or the one of that name.
set -eu
time=$1
only=${2:-}
cd "$(dirname "$0")/../.."
found=0
while IFS=: read -r file name; do
	[[ -z $only || $name == "$only" ]] || continue
	found=1
	echo "$name (./$(dirname "$file"))"
	${GO:-go} test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 200x
done < <(grep -rhoH --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' agent aggregator shared | sed 's/func //' | sort)
[[ $found == 1 ]] || { echo "fuzz: no target is called $only" >&2; exit 1; }
