"""One page to look at, and what stays on the screen when a run ends."""


onsuccess:
    last_words()


onerror:
    last_words()


rule build_report:
    input:
        metrics="results/metrics.csv",
        summary="results/summary.csv",
        scores=score_folders,
        pairs="results/splits/pairs.tsv",
        videos=deliverables,
        sources=lambda wildcards: expand("results/clips/{pair.video}.mp4", pair=pairs()),
        sounds=lambda wildcards: expand("results/audio/{audio}.wav", audio=sorted({pair.audio for pair in pairs()})),
        weights=planning.weight_records(config),
        verdicts=expand("results/inspected/{clip}.json", clip=CLIPS),
        speech=planning.supplied_speech_checks(config),
    output:
        report=report("results/report.html", caption="../docs/report/page.rst", category="Page"),
        plots=report(
            directory("results/plots"),
            patterns=["{metric}_{kind}.svg"],
            labels={"metric": "{metric}", "speech": "{kind}"},
            caption="../docs/report/plots.rst",
            category="Plots",
        ),
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.tsv"
    conda:
        "../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        presets={
            name: (config[name]["preset"], planning.chosen_weights(config, name))
            for name in config["systems"]
            if get_system(name).stages
        },
        encoders=planning.speech_models(config),
        benchmarks="results/benchmarks",
        baselines=[name for name in config["systems"] if not get_system(name).stages],
        max_players=config["report"]["max_players"],
    script:
        "../workflow_scripts/build_report.py"
