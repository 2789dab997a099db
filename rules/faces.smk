"""Where the face is: landmarks per frame, and the two views of it, one fixed square per clip or aligned to a mean face."""


rule detect_landmarks:
    input:
        video="results/clips/{clip}.mp4",
    output:
        landmarks="results/landmarks/{clip}.npz",
    log:
        "results/logs/detect_landmarks/{clip}.log",
    benchmark:
        "results/benchmarks/detect_landmarks/{clip}.tsv"
    conda:
        "../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        gpu=int(config["faces"]["detector"] == "face_alignment"),
    params:
        detector=config["faces"]["detector"],
        face=config["faces"]["face"],
        interval=config["faces"]["interval"],
        smoothing=config["faces"]["smoothing"],
    script:
        "../workflow_scripts/detect_landmarks.py"


rule crop_faces:
    input:
        video="results/clips/{clip}.mp4",
        landmarks="results/landmarks/{clip}.npz",
    output:
        view="results/crops/{clip}.mp4",
        transform="results/crops/{clip}.npz",
    log:
        "results/logs/crop_faces/{clip}.log",
    benchmark:
        "results/benchmarks/crop_faces/{clip}.tsv"
    conda:
        "../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        size=config["crops"]["size"],
        expand=config["crops"]["expand"],
    script:
        "../workflow_scripts/crop_faces.py"


rule align_faces:
    input:
        video="results/clips/{clip}.mp4",
        landmarks="results/landmarks/{clip}.npz",
    output:
        view="results/aligned/{clip}.mp4",
        transform="results/aligned/{clip}.npz",
    log:
        "results/logs/align_faces/{clip}.log",
    benchmark:
        "results/benchmarks/align_faces/{clip}.tsv"
    conda:
        "../envs/faces.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        size=config["aligned"]["size"],
        mean_face=config["aligned"]["mean_face"],
        scale=config["aligned"]["scale"],
        offset=config["aligned"]["offset"],
        smoothing=config["aligned"]["smoothing"],
        window=config["aligned"]["window"],
    script:
        "../workflow_scripts/align_faces.py"
