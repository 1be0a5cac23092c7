// Labels of slides: nextflow run segment.nf --slides 'slides/*.svs'
params.slides = 'slides/*.svs'

process SEGMENT {
    cpus 1
    memory '2 GB'
    errorStrategy 'retry'
    publishDir 'labels', mode: 'move'

    input:
    path slide

    output:
    path "${slide.baseName}.ome.zarr"

    script:
    """
    napari-emseg segment ${slide} -o ${slide.baseName}.ome.zarr -n 4 --resume
    """
}

workflow {
    SEGMENT(Channel.fromPath(params.slides))
}
