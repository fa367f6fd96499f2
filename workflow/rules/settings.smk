# Settings of each stage, as a file of its own: a job reruns when its own settings change.
#
# IN   the config
# OUT  <results>/settings/{key}.json


rule settings:
    """Write the settings of one stage, resolved from the config."""
    output:
        settings="<results>/settings/{key}.json",
    log:
        "<results>/logs/settings/{key}.log",
    benchmark:
        "<results>/benchmarks/settings/{key}.jsonl"
    localrule: True
    conda:
        "../envs/hps-bench.yaml"
    params:
        packed=lambda wildcards: suite.packed_settings(wildcards.key),
        seal=lambda wildcards: suite.settings_seal(wildcards.key),
        digest=lambda wildcards: suite.settings_digest(wildcards.key),
    shell:
        r"""
        exec 2>{log:q}
        mkdir -p "$(dirname {params.seal:q})"
        echo {params.digest} >{params.seal:q}
        base64 --decode <<<{params.packed} | gzip --decompress >{output.settings:q}
        """
