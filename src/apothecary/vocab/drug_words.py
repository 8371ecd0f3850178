"""Words of drug names in hospital lists: our own short tables of packing, salts, brands and abbreviations."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALIASES", "BRANDS", "CARRIERS", "IONS", "PACKING", "SALTS"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CARRIERS = (
    "normal",
    "d5w",
    "d10w",
    "ns",
    "nss",
    "nacl",
    "dextrose",
    "saline",
    "sodium chloride",
    "sterile",
    "water",
    "lactated",
)
"""What a drug is dissolved in, after "in"."""

PACKING = _words(
    # Forms, routes and releases.
    """
    tab tabs tablet tablets cap caps capsule capsules chew chewable soln solution solutions solr solp sol susp
    suspension inj injection injectable intravenous iv ivpb po im sc sq sl subq sub-q pr ij in re mt td ex bq
    mucosal ophth ophthalmic opht oint ointment cream crea lotion gel jelly patch pt24 transdermal neb nebs
    nebu nebulizer inhaler inhalation inhale inh mdi hfa aers aerosol diskus dry powder oral rinse mouthwash
    liquid liq liqd elixir syrup enema supp suppository rect rectal nasal topical vaginal vag spray drops drop
    drip ointments emulsion sublingual subcutaneous intrauterine system implant lozenge wafer gum inhalational
    xl xr sr er cr la ec dr odt ds ss ir tbec tbcr tbdp tb24 cp24 dispersible disintegrating extended delayed
    sustained immediate controlled release cap-del-rel sprinkles crys part cryst coated enteric metered dose
    auto-injector prefilled actuat drug
    """
    # Packages and ways to give.
    """
    bag vial vials syringe syrg syr flex cont plas glass cup tube btl bottle premix prmx piggy back lvp pb mbp
    rtu rtu-pb rtu- ud udpwd mdv sdv packet pack packs day pen flexpen respule crtrdg-ndl mini-bag plus adv
    abboject mate each unit units per bolus infusion flush lock lok peripheral dwell catheter clearance
    priming picc cvl crrt hickman replacement sliding scale protocol taper withdrawal corrective dosing
    orderable consult pharmacy range adult adults pediatric infant child generic brand repackage locked
    laxative final conc double single strength preserv preservative free preservative-free sugar pf mg mcg gm
    gram grams ml meq mmol mol unt iu hr hrs hour hours ac hs bid tid qid prn once daily nf p.f human
    recombinant rdna porcine usp for of the powder-for minerals w monohyd excel type sa tr to act viscous
    antacid no quadrivalent quad split polyvalent 23-valent pca e.r
    """
)
"""Words that are no part of a name."""

IONS = _words(
    """
    sodium potassium calcium magnesium aluminum aluminium ferrous ferric iron zinc lithium ammonium silver
    barium copper bismuth na k ca mg sod pot hydrogen mag
    """
)
"""What makes a drug with a salt alone."""

SALTS = IONS | _words(
    """
    hcl hydrochloride hydrochlorid chloride sulfate sulf sulphate phosphate phos acetate citrate tartrate
    bitartrate succinate succ maleate mesylate besylate besilate fumarate bromide hydrobromide monohydrate
    dihydrate anhydrous carbonate bicarbonate gluconate lactate nitrate hyclate tromethamine bisulfate
    propionate xinafoate furoate dipropionate valerate benzathine mofetil axetil proxetil pamoate decanoate
    edisylate methylsulfate dimesylate disoproxil medoxomil calcium-ion etexilate hydroxide oxide fluoride
    glycerophosphate so decahydrate hydrogensulfate salt trihydrate base modified hemihydrate micronized
    macrocrystals oxalate chl nap
    """
)
"""Words that a name can do without."""


def _table(lines: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split("=") for line in lines.strip().splitlines())
    return {
        left: tuple(sorted(each.strip() for each in right.split("+")))
        for lefts, right in rows
        for left in (each.strip() for each in lefts.split(","))
    }


ALIASES: Mapping[str, tuple[str, ...]] = _table(
    """
    kcl, k-dur, klor-con, potassium cl = potassium chloride
    nacl, saline, normal saline, ns, nss, salt = sodium chloride
    d5w, d50, d50w, dext, dextrose water, glucose = dextrose
    dextrose-nacl = dextrose + sodium chloride
    lr, lactated ringers, lactated ringer's, lactated ringer = lactated ringers
    mvi, multivitamin, multivitamins, multiple vitamins, vitamins, nephrocaps = multivitamins
    apap, acet, acetamin, acetaminophen caff = acetaminophen
    asa, baby asa, aspirin asa, acetylsalicylic acid = aspirin
    hctz = hydrochlorothiazide
    hydrocodon = hydrocodone
    sulfameth = sulfamethoxazole
    senna, sennosides, sennoside = senna
    docusate, docusate sodium = docusate
    magox, mag oxide = magnesium oxide
    milk magnesia, milk = magnesium hydroxide
    sodium bic, sodium bicar, sodium bicarb, sodium bicarbo = sodium bicarbonate
    artificial tear = artificial tears
    butalbital-acet-caffeine, acetaminophen-caff-butalbital = acetaminophen + butalbital + caffeine
    propoxyphene nap apap, propoxyphene apap = acetaminophen + propoxyphene
    dexameth = dexamethasone
    hydromorphone-hp = hydromorphone
    influenza virus vaccine = influenza vaccine
    pneumococcal polysaccharide vaccine, pneumococcal polysaccharides = pneumococcal vaccine
    aluminum, alum = aluminum hydroxide
    aluminum-magnesium hydrox = aluminum hydroxide + magnesium hydroxide
    aluminum-magnesium hydrox.-simethicone = aluminum hydroxide + magnesium hydroxide + simethicone
    magnesium hydrox, mag hydroxide, mag hydroxide-simeth = magnesium hydroxide
    simeth = simethicone
    polyethylene glycol = polyethylene glycol
    """
)
"""Whole names, after the packing is gone, that stand for other names."""

BRANDS: Mapping[str, tuple[str, ...]] = _table(
    """
    lasix = furosemide
    bumex = bumetanide
    zofran = ondansetron
    reglan = metoclopramide
    compazine = prochlorperazine
    phenergan = promethazine
    tylenol = acetaminophen
    percocet = acetaminophen + oxycodone
    roxicodone, oxycontin = oxycodone
    norco, vicodin = acetaminophen + hydrocodone
    ultram = tramadol
    dilaudid = hydromorphone
    sublimaze = fentanyl
    toradol = ketorolac
    ambien = zolpidem
    restoril = temazepam
    ativan = lorazepam
    xanax = alprazolam
    klonopin = clonazepam
    versed = midazolam
    diprivan = propofol
    precedex = dexmedetomidine
    narcan = naloxone
    atrovent = ipratropium
    duoneb, combivent = albuterol + ipratropium
    proventil, ventolin, proair = albuterol
    xopenex = levalbuterol
    pulmicort = budesonide
    flovent = fluticasone
    advair = fluticasone + salmeterol
    solu-medrol, solumedrol = methylprednisolone
    deltasone = prednisone
    zestril, prinivil = lisinopril
    norvasc = amlodipine
    coreg = carvedilol
    lopressor = metoprolol
    trandate = labetalol
    cardizem = diltiazem
    apresoline = hydralazine
    cozaar = losartan
    imdur = isosorbide mononitrate
    nitrostat, nitro-bid = nitroglycerin
    cordarone, nexterone = amiodarone
    lanoxin = digoxin
    lipitor = atorvastatin
    plavix = clopidogrel
    coumadin = warfarin
    lovenox = enoxaparin
    ecotrin, bayer = aspirin
    pepcid = famotidine
    protonix = pantoprazole
    nexium = esomeprazole
    colace = docusate
    senokot = senna
    senokot-s = docusate + senna
    dulcolax = bisacodyl
    miralax, golytely, moviprep = polyethylene glycol
    benadryl = diphenhydramine
    synthroid = levothyroxine
    glucagen = glucagon
    levaquin = levofloxacin
    zosyn = piperacillin + tazobactam
    unasyn = ampicillin + sulbactam
    rocephin = ceftriaxone
    merrem = meropenem
    vancocin = vancomycin
    flagyl = metronidazole
    flomax = tamsulosin
    nicoderm = nicotine
    buminate = albumin
    neutra-phos = potassium phosphate + sodium phosphate
    truvada = emtricitabine + tenofovir
    namenda = memantine
    exelon = rivastigmine
    tarceva = erlotinib
    pletal = cilostazol
    lumigan = bimatoprost
    vigamox = moxifloxacin
    avapro = irbesartan
    creon, viokase = pancrelipase
    hespan = hetastarch
    """
)
"""First words that are brands, with what is in them."""
