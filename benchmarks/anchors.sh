#!/usr/bin/env bash
# Trains on real speech with the flags of upstream's reference runs (n_hidden 256, 30 epochs).
#
#   benchmarks/anchors.sh DATA_DIR OUTPUT_DIR SET [SOURCE_DIR [FLAG ...]]
#
# Without SOURCE_DIR from scratch, with it by transfer-learning. Prints the test set's error rates,
# and the user CPU time and peak memory of the run.
set -euo pipefail
data=$1/$3 output=$2 source=${4:-}
shift $(($# > 4 ? 4 : $#))
start=(--checkpoint_dir "$output")
if [ -n "$source" ]; then
  start=(--drop_source_layers 1 --load_checkpoint_dir "$source" --save_checkpoint_dir "$output"
    --alphabet_config_path "$data/alphabet.txt")
fi
/usr/bin/time -f '%U s user CPU, %e s wall, %M KiB peak' \
  python -m coqui_stt_training.train "${start[@]}" \
  --train_files "$data/train.csv" --dev_files "$data/dev.csv" --test_files "$data/test.csv" \
  --n_hidden 256 --train_batch_size 8 --dev_batch_size 8 --test_batch_size 16 \
  --learning_rate 0.001 --dropout_rate 0.2 --skip_batch_test true --epochs 30 \
  --beam_width 64 --report_count 0 "$@"
