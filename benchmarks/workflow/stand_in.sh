#!/usr/bin/env bash
# Stands in for hps-bench: writes empty files where a stage writes its results.
set -euo pipefail

[ "$1" = --threads ] && shift 2
stage=$1
shift
declare -A given
while [ $# -gt 0 ]; do
    case $1 in
    --?*) given[${1#--}]=${2-} ;;
    esac
    shift
done

output=${given[output]-}
results=${given[results]-}
run=n${given[responses]-}-b${given[beta]-}-s${given[seed]-}
policy=${given[dataset]-}/${given[reward]-}-${given[method]-}/$run
evaluations=$results/evaluations/${given[evaluated-on]-}

case $stage in
prompts) touch "$output"/{prompts.parquet,summary.json} ;;
responses | rewards) touch "$output" "${output%.parquet}.json" ;;
plan) touch "$output"/{plan.parquet,summary.json} ;;
reference | samples) touch "$output" ;;
train)
    mkdir -p "$results/snapshots/$policy"
    touch "$results/policies/$policy"/{adapter_model.safetensors,training.json}
    ;;
trajectory) touch "$results/trajectories/$policy/trajectory.parquet" ;;
evaluate) touch "$evaluations/$policy"/{evaluation.json,records.parquet,samples.parquet} ;;
baseline) touch "$evaluations/sft"/{evaluation.json,records.parquet,samples.parquet} ;;
judge) touch "$output"/{scores.parquet,summary.json,audit.html} ;;
study) touch "$output"/{assignment,key}.json ;;
theory)
    touch "$output"/{errors{,-means,-slopes,-constants,-bounds},gaps{,-means,-rates}}.csv
    touch "$output"/{margins,maximisers,noise}{,-means}.csv
    touch "$output"/{theorem-{1,2,3},label-noise}.{pdf,png} "$output"/theorem-{1,2,3}.md
    touch "$output"/manifest.json
    ;;
table) touch "$output/${given[table]}".{csv,tex,html} ;;
figure) touch "$output/${given[figure]}".{csv,pdf,png} ;;
compare-paper) touch "$output"/{values,claims,consistency}.{csv,tex,html} ;;
report) touch "$output"/report.{tex,pdf} ;;
cards | index) touch "$output" ;;
track) echo "nothing is uploaded" ;;
*)
    echo "hps-bench: no stand-in for $stage" >&2
    exit 2
    ;;
esac
