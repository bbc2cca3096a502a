#!/bin/bash
# Trains on several machines of a Slurm cluster: sbatch examples/scaling/slurm.sh
# Data, source, checkpoints and the virtual environment must be on a disk that all machines share.
#SBATCH --job-name=stt
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
# Five minutes before its time limit, or if it is preempted, the job saves a checkpoint, stops and is
# queued again; then the same command resumes the run.
#SBATCH --signal=B:TERM@300
#SBATCH --requeue

set -euo pipefail
source "${VENV:-venv}/bin/activate"
DATA=${DATA:-data}
MODEL=${MODEL:-my-model}

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export OMP_NUM_THREADS=8

stopped=
trap 'stopped=yes; scancel --signal=TERM "$SLURM_JOB_ID"' TERM

srun --kill-on-bad-exit=1 torchrun \
    --nnodes "$SLURM_NNODES" --nproc-per-node 8 --max-restarts 3 \
    --rdzv-id "$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}" \
    --rdzv-backend c10d --rdzv-endpoint "$first:29400" \
    -m coqui_stt_training.train \
    --checkpoint_dir "$MODEL" --show_progressbar false \
    --train_files "$DATA/train.csv" --dev_files "$DATA/dev.csv" --test_files "$DATA/test.csv" \
    --train_batch_seconds 240 --dev_batch_seconds 240 --test_batch_size 16 \
    --learning_rate 0.0003 --warmup_steps 1000 --automatic_mixed_precision true &

status=0
wait $! || status=$?
if [ -n "$stopped" ]; then
    wait # until it is saved
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
