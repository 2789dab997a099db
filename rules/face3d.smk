"""3D faces: frontal landmarks and pose of every frame, of the Basel face model where its files are placed, else of a learned one."""

try:
    FACE3D = planning.face3d_model(config)
except InputError as error:
    raise WorkflowError(str(error))

if "model" in CLIPS and "face3d" in planning.clip_inputs(config):
    raise WorkflowError("clip model: results/face3d/model.npz is the learned model's. Give the clip another name")


rule learn_face3d_model:
    input:
        transform=training_files("results/crops/{clip}.npz"),
    output:
        model="results/face3d/model.npz",
        record="results/face3d/model.json",
    log:
        "results/logs/learn_face3d_model.log",
    benchmark:
        "results/benchmarks/learn_face3d_model.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    script:
        "../workflow_scripts/learn_face3d_model.py"


rule reconstruct_face3d:
    input:
        transform="results/crops/{clip}.npz",
        view="results/crops/{clip}.mp4" if FACE3D == "bfm" else [],
        sources=planning.face3d_files() if FACE3D == "bfm" else ["results/face3d/model.npz"],
    output:
        face3d="results/face3d/{clip}.npz",
        record="results/face3d/{clip}.json",
    log:
        "results/logs/reconstruct_face3d/{clip}.log",
    benchmark:
        "results/benchmarks/reconstruct_face3d/{clip}.tsv"
    wildcard_constraints:
        clip=rf"(?!model\.(?:npz|json)$){NAME}",
    conda:
        "../envs/learning.yaml"
    threads: NETWORK_THREADS if FACE3D == "bfm" else 1
    resources:
        mem_mb=4000 if FACE3D == "bfm" else 1000,
        gpu=int(FACE3D == "bfm"),
    params:
        model=FACE3D,
    script:
        "../workflow_scripts/reconstruct_face3d.py"
